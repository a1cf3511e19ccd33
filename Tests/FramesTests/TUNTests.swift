import Foundation
import Frames
import Octets
import Testing
import Wire

/// Runs `body` on a thread of its own inside a network namespace that is made for it.
func inNamespace<Value: Sendable>(
  _ body: @escaping @Sendable (_ namespace: String) throws -> Value
) async throws -> Value {
  let name = "prf" + UUID().uuidString.prefix(8).lowercased()
  let made = try Machine.run("ip", ["netns", "add", name])
  try #require(made.status == 0, "\(made.text)")
  defer { _ = try? Machine.run("ip", ["netns", "delete", name]) }
  return try await withCheckedThrowingContinuation { continuation in
    Thread.detachNewThread {
      continuation.resume(
        with: Result {
          try NetworkNamespace.enter(named: name)
          return try body(name)
        })
    }
  }
}

@Suite("TUN and TAP devices", .needsTUN, .serialized, .timeLimit(.minutes(1)))
struct TUNTests {
  @Test("an interface takes addresses, MTU and up, and tells them")
  func control() async throws {
    try await inNamespace { _ in
      let device = try TUNDevice(name: "prt0")
      let control = try NetworkInterfaceControl(name: device.name)
      #expect(try !control.isUp)
      #expect(try control.address == nil)
      try control.setAddress(IPv4Address(192, 0, 2, 2), peer: IPv4Address(192, 0, 2, 1))
      try control.setMTU(1400)
      try control.setUp()
      #expect(try control.isUp)
      #expect(try control.mtu == 1400)
      #expect(try control.address == IPv4Address(192, 0, 2, 2))
      #expect(try control.peer == IPv4Address(192, 0, 2, 1))
      let offload = device.offload
      #expect(offload.checksum && offload.segmentation)
    }
  }

  @Test("the kernel's packets come in, and our answer reaches it", arguments: [true, false])
  func ping(offload: Bool) async throws {
    let text = try await inNamespace { namespace in
      var device = try TUNDevice(name: "prt1", offload: offload)
      let capabilities = device.offload
      #expect(capabilities.checksum == offload)
      let control = try NetworkInterfaceControl(name: "prt1")
      try control.setAddress(IPv4Address(192, 0, 2, 2), peer: IPv4Address(192, 0, 2, 1))
      try control.setUp()
      let process = Process()
      let output = Pipe()
      process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
      process.arguments = [
        "ip", "netns", "exec", namespace, "ping", "-c1", "-W5", "192.0.2.1",
      ]
      process.standardOutput = output
      try process.run()
      let deadline = Date().addingTimeInterval(10)
      while process.isRunning, Date() < deadline {
        var wait = pollfd(fd: device.descriptor, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&wait, 1, 100)
        var echoes: [[UInt8]] = []
        _ = try device.receive(upTo: 16) { octets, _ in
          if octets.count > 28, octets[0] == 0x45, octets[9] == 1, octets[20] == 8 {
            echoes.append(Array(copying: octets))
          }
        }
        for var echo in echoes {
          echo.replaceSubrange(12..<20, with: [192, 0, 2, 1, 192, 0, 2, 2])
          echo[20] = 0
          var sum = InternetChecksum()
          echo[22] = 0
          echo[23] = 0
          sum.add(echo.span.extracting(droppingFirst: 20))
          echo[22] = UInt8(sum.value >> 8)
          echo[23] = UInt8(sum.value & 255)
          let span = echo.span
          let sent = device.transmit(
            span.extracting(first: 20), span.extracting(20..<40),
            span.extracting(droppingFirst: 40), offload: .none)
          #expect(sent)
        }
      }
      process.waitUntilExit()
      return String(
        decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    }
    #expect(text.contains("1 received"), "\(text)")
  }

  @Test("a persistent device made by ip is attached, a second attach is busy, a TAP is not a TUN")
  func persistent() async throws {
    try await inNamespace { namespace in
      let made = try Machine.run(
        "ip", ["-n", namespace, "tuntap", "add", "dev", "prt2", "mode", "tun"])
      try #require(made.status == 0, "\(made.text)")
      let device = try TUNDevice(name: "prt2")
      let capabilities = device.offload
      #expect(capabilities.segmentation)
      #expect(throws: FrameError.busy(device: "prt2")) { _ = try TUNDevice(name: "prt2") }
      let tap = try TAPDevice(name: "prt3")
      let link = tap.link
      #expect(link == .ethernet)
      #expect(throws: FrameError.wrongKind(device: "prt3")) { _ = try TUNDevice(name: "prt3") }
      #expect(throws: FrameError.noSuchInterface("prt9")) {
        _ = try NetworkInterfaceControl(name: "prt9")
      }
      _ = device.name
      _ = tap.name
    }
  }

  @Test("libpcap sees what the kernel sends, through its filter")
  func live() async throws {
    try await inNamespace { namespace in
      try NetworkInterfaceControl(name: "lo").setUp()
      var device = try PcapLiveDevice(interface: "lo", filter: "icmp")
      _ = try Machine.run("ip", ["netns", "exec", namespace, "ping", "-c1", "-W2", "127.0.0.1"])
      var count = 0
      let deadline = Date().addingTimeInterval(5)
      while count < 2, Date() < deadline {
        count += try device.receive(upTo: 16) { _, _ in }
      }
      #expect(count >= 2)
      #expect(throws: FrameError.noSuchInterface("prt8")) {
        _ = try PcapLiveDevice(interface: "prt8")
      }
    }
  }
}
