import Foundation
import Frames
import NetworkCore
import Octets
import Sockets
import Stack
import TCPCore
import Testing
import Wire

/// A host of ours on an Ethernet link whose other station is the kernel, in a namespace of its own.
struct KernelLink: Sendable {
  static let ours = IPv4Address(192, 0, 2, 1)
  static let kernels = IPv4Address(192, 0, 2, 2)
  static let hardware = MACAddress(rawValue: 0x0200_0000_0051)
  let namespace: String
  let host: NetworkHost

  enum Kind: String, Sendable, CaseIterable {
    case tap = "a TAP device"
    case tapWithOffload = "a TAP device with offload"
    case libpcap = "libpcap on one end of a veth pair"
  }

  /// Gives `body` a link, and takes it away again.
  static func with(_ kind: Kind, _ body: (KernelLink) async throws -> Void) async throws {
    let name = "prs" + UUID().uuidString.prefix(8).lowercased()
    _ = try await run(["netns", "add", name], "ip")
    let result: Result<Void, any Error>
    do {
      // Only what makes the device must be in the namespace: its descriptor stays there.
      let host: NetworkHost = try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread {
          continuation.resume(
            with: Result {
              try NetworkNamespace.enter(named: name)
              return try makeHost(kind)
            })
        }
      }
      result = .success(try await body(KernelLink(namespace: name, host: host)))
      host.stop()
    } catch {
      result = .failure(error)
    }
    _ = try await run(["netns", "delete", name], "ip")
    try result.get()
  }

  private static func makeHost(_ kind: Kind) throws -> NetworkHost {
    let interface = InterfaceConfiguration(
      name: "link", medium: .ethernet(hardware), addresses: [IPv4Prefix(ours, length: 24)])
    switch kind {
    case .tap, .tapWithOffload:
      let device = try TAPDevice(name: "prs0", offload: kind == .tapWithOffload)
      try addressKernel("prs0")
      return NetworkHost(device: device, interface: interface)
    case .libpcap:
      try start(["link", "add", "prs0", "type", "veth", "peer", "name", "prs1"], "ip")
      // What a veth pair carries within one machine has no checksums otherwise.
      try start(["-K", "prs0", "tx", "off"], "ethtool")
      try addressKernel("prs0")
      try NetworkInterfaceControl(name: "prs1").setUp()
      return NetworkHost(
        device: try PcapLiveDevice(interface: "prs1", filter: "arp or ip", isPromiscuous: true),
        interface: interface)
    }
  }

  private static func addressKernel(_ name: String) throws {
    let control = try NetworkInterfaceControl(name: name)
    try control.setAddress(IPv4Prefix(kernels, length: 24))
    try control.setUp()
  }

  /// Runs a tool in the thread's namespace to its end.
  @discardableResult
  private static func start(_ arguments: [String], _ tool: String) throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [tool] + arguments
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
  }

  /// Runs a tool on a thread of its own, and gives all that it printed.
  private static func run(_ arguments: [String], _ tool: String) async throws -> String {
    try await withCheckedThrowingContinuation { continuation in
      Thread.detachNewThread {
        continuation.resume(with: Result { try start(arguments, tool) })
      }
    }
  }

  /// Runs a tool on the kernel's side, and gives all that it printed.
  func kernel(_ tool: String, _ arguments: [String]) async throws -> String {
    try await Self.run(["netns", "exec", namespace, tool] + arguments, "ip")
  }
}

private func has(_ tools: String...) -> Bool {
  let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/usr/sbin").split(
    separator: ":")
  return tools.allSatisfy { tool in
    folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)") }
  }
}

@Suite(
  "A host on Ethernet with the kernel",
  .enabled(
    if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/dev/net/tun")
      && has("ip", "ping", "python3", "ethtool"),
    "needs root, /dev/net/tun, ip, ping, python3 and ethtool"), .serialized,
  .timeLimit(.minutes(2)))
struct KernelLinkTests {
  private static let echo = """
    import socket, threading
    peer = socket.create_connection(("192.0.2.1", 7), timeout=30)
    text = bytes(range(251)) * 8000
    def send():
        peer.sendall(text)
        peer.shutdown(socket.SHUT_WR)
    threading.Thread(target=send).start()
    got = b""
    while part := peer.recv(65536):
        got += part
    print("the same" if got == text else "of %d octets %d" % (len(text), len(got)))
    """

  @Test(
    "ARP is asked and answered, pings of every size and an echo come back whole",
    arguments: KernelLink.Kind.allCases)
  func link(_ kind: KernelLink.Kind) async throws {
    try await KernelLink.with(kind) { link in
      // We ask first.
      let closed = SocketAddress(KernelLink.kernels, 9)
      await #expect(throws: SocketError.closed(.refused)) {
        _ = try await link.host.connect(to: closed)
      }
      var counters = await link.host.counters
      #expect(counters.arp.count(.ask) > 0 && counters.arp.count(.learn) > 0)

      for size in ["0", "1472", "1473", "65507"] {
        let text = try await link.kernel(
          "ping", ["-c1", "-W10", "-s", size, "\(KernelLink.ours)"])
        #expect(text.contains(" 1 received"), "\(size): \(text)")
      }
      let neighbors = try await link.kernel("ip", ["neigh", "show"])
      #expect(neighbors.contains("192.0.2.1 dev prs0 lladdr \(KernelLink.hardware)"))

      let listener = try await link.host.listen(at: SocketAddress(.any, 7))
      async let said = link.kernel("python3", ["-c", Self.echo])
      let stream = try await listener.accept()
      while true {
        let octets = try await stream.read()
        if octets.isEmpty { break }
        try await stream.write(octets)
      }
      await stream.close()
      #expect(try await said == "the same\n")

      // A question to all of the link that is not for us, and nobody to answer it.
      _ = try await link.kernel("ping", ["-c1", "-W1", "192.0.2.77"])
      counters = await link.host.counters
      #expect(counters.arp.count(.dropNotForUs) > 0)
      #expect(counters.ip.count(.dropHeaderChecksum) == 0)
      #expect(counters.stack.count(.dropTCPChecksum) == 0)
    }
  }
}
