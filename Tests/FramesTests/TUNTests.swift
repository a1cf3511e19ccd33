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

  @Test("a device that was used with offload gives whole packets to one who attaches without it")
  func offloadIsGivenBack() async throws {
    try await inNamespace { namespace in
      let made = try Machine.run(
        "ip", ["-n", namespace, "tuntap", "add", "dev", "prt4", "mode", "tun"])
      try #require(made.status == 0, "\(made.text)")
      for isFirst in [true, false] {
        var device = try TUNDevice(name: "prt4", offload: isFirst)
        guard !isFirst else {
          let capabilities = device.offload
          #expect(capabilities.checksum)
          continue
        }
        let control = try NetworkInterfaceControl(name: "prt4")
        try control.setAddress(IPv4Address(192, 0, 2, 2), peer: IPv4Address(192, 0, 2, 1))
        try control.setUp()
        let sender = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
        defer { close(sender) }
        var peer = sockaddr_in()
        peer.sin_family = sa_family_t(AF_INET)
        peer.sin_port = UInt16(9).bigEndian
        peer.sin_addr.s_addr = UInt32(0xC000_0201).bigEndian
        let sent = unsafe withUnsafePointer(to: &peer) { address in
          unsafe address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            unsafe sendto(
              sender, [1, 2, 3], 3, 0, address, socklen_t(MemoryLayout<sockaddr_in>.size))
          }
        }
        try #require(sent == 3)
        var seen: [Bool] = []
        _ = try device.receive(upTo: 16) { octets, facts in
          guard let packet = try? IPv4PacketView(parsing: octets), packet.transport == .udp,
            let datagram = try? UDPDatagramView(parsing: packet.payload)
          else { return }
          seen.append(
            datagram.checksumIsRight(source: packet.source, destination: packet.destination))
          #expect(datagram.checksum != 0 && facts == .none)
        }
        #expect(seen == [true])
      }
    }
  }

  @Test("a device that is deleted while it is used says so; one that is down only gives nothing")
  func gone() async throws {
    try await inNamespace { namespace in
      var device = try TUNDevice(name: "prt5")
      let before = try device.take(4)
      #expect(before.isEmpty)
      _ = try Machine.run("ip", ["-n", namespace, "link", "delete", "prt5"])
      let error = #expect(throws: FrameError.self) { _ = try device.take(4) }
      #expect(error == .gone(device: "prt5"))
      #expect(error?.description == "prt5 is gone: it was deleted while it was used")
    }
  }

  @Test("a burst of frames waits for the one who captures")
  func burst() async throws {
    try await inNamespace { namespace in
      let made = try Machine.run(
        "ip", ["-n", namespace, "link", "add", "prv0", "type", "veth", "peer", "name", "prv1"])
      try #require(made.status == 0, "\(made.text)")
      try NetworkInterfaceControl(name: "prv0").setUp()
      try NetworkInterfaceControl(name: "prv1").setUp()
      var left = try PcapLiveDevice(interface: "prv0")
      var right = try PcapLiveDevice(interface: "prv1", filter: "ether proto 0x88b5")
      let header: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xB5]
      for number in 0..<200 {
        let sent = left.send(header + [UInt8(number >> 8), UInt8(number & 255)] + header)
        #expect(sent)
      }
      var numbers: [Int] = []
      let deadline = Date().addingTimeInterval(5)
      while numbers.count < 200, Date() < deadline {
        let count = try right.receive(upTo: 64) { octets, _ in
          numbers.append(Int(octets.uint16(at: 14)))
        }
        if count == 0 { break }
      }
      #expect(numbers == Array(0..<200))
      let counters = right.counters
      #expect(counters.missed == 0 && counters.received == 200)
      // Nobody reads now: what finds no room is counted.
      for _ in 0..<2_000 { _ = left.send(header) }
      let kept = try right.receive(upTo: 4_000) { _, _ in }
      let after = right.counters
      #expect(kept < 2_000 && Int(after.missed) == 2_000 - kept)
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
