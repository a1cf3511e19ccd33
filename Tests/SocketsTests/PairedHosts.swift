import Frames
import Glibc
import Octets
import Sockets
import Stack
import Wire

/// A device over one end of a pair of datagram sockets: two hosts in one process, without rights.
struct SocketPairDevice: FrameDevice, Sendable {
  let descriptor: Int32
  var link: LinkType { .rawIP }
  var offload: OffloadCapabilities { .none }
  private(set) var counters = DeviceCounters()

  static func pair() -> (SocketPairDevice, SocketPairDevice) {
    var ends: [Int32] = [0, 0]
    let kind = Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let result = unsafe socketpair(AF_UNIX, kind, 0, &ends)
    precondition(result == 0, "no pair of sockets could be made")
    return (SocketPairDevice(ends[0]), SocketPairDevice(ends[1]))
  }

  private init(_ descriptor: Int32) { self.descriptor = descriptor }

  mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    for index in 0..<limit {
      let count = unsafe read(descriptor, &buffer, buffer.count)
      guard count > 0 else { return index }
      counters.received += 1
      body(buffer.span.extracting(first: count), .none)
    }
    return limit
  }

  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    let frame = [UInt8](joining: header, payload, tail)
    counters.transmitted += 1
    // A full socket is a lost frame: TCP brings it back.
    _ = unsafe write(descriptor, frame, frame.count)
    return true
  }
}

/// A client and a server on a link of their own.
struct PairedHosts {
  static let serverAddress = IPv4Address(192, 0, 2, 2)
  let client: NetworkHost
  let server: NetworkHost

  init(_ configuration: StackConfiguration = StackConfiguration()) {
    let (near, far) = SocketPairDevice.pair()
    client = NetworkHost(
      device: near,
      interface: InterfaceConfiguration(
        name: "client", addresses: [IPv4Prefix(IPv4Address(192, 0, 2, 1), length: 24)]),
      configuration: configuration)
    server = NetworkHost(
      device: far,
      interface: InterfaceConfiguration(
        name: "server", addresses: [IPv4Prefix(Self.serverAddress, length: 24)]),
      configuration: configuration)
  }

  func stop() {
    client.stop()
    server.stop()
  }

  /// A connection with both of its ends.
  func connection(port: Port = 7) async throws -> (client: TCPStream, server: TCPStream) {
    let end = SocketAddress(Self.serverAddress, port)
    let listener = try await server.listen(at: end)
    async let accepted = listener.accept()
    let stream = try await client.connect(to: end)
    return (stream, try await accepted)
  }
}

/// Waits until a condition holds, at most ten seconds: for what other threads do.
func eventually(_ condition: () async throws -> Bool) async throws -> Bool {
  let deadline = ContinuousClock.now + .seconds(10)
  while ContinuousClock.now < deadline {
    if try await condition() { return true }
    await Task.yield()
  }
  return false
}
