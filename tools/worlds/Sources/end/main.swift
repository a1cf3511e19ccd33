import Foundation
import Frames
import Sockets
import Stack
import TCPCore
import Wire

// end DEVICE ADDRESS/PREFIX GATEWAY send HOST:PORT CONTROLLER BEGIN SECONDS ROOM
// end DEVICE ADDRESS/PREFIX GATEWAY receive PORT SECONDS ROOM
//
// Our stack on a TUN device that is up. A sender sends for BEGIN and then SECONDS more, and prints what
// it counted as one line of JSON; a receiver says "end: ready", and reads from one connection. ROOM is
// how many octets the buffers may grow to.

func fail(_ words: String, _ code: Int32) -> Never {
  FileHandle.standardError.write(Data("end: \(words)\n".utf8))
  exit(code)
}

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 7, let ours = IPv4Prefix(arguments[1]),
  let gateway = IPv4Address(arguments[2]), let room = Int(arguments[arguments.count - 1])
else { fail("see the comment at the top of its source", 64) }
let configuration = {
  var configuration = StackConfiguration()
  configuration.tcp.sendBufferMaximum = room
  configuration.tcp.receiveBufferMaximum = room
  return configuration
}()
let device: TUNDevice
do throws(FrameError) {
  device = try TUNDevice(name: arguments[0])
} catch {
  fail("\(error)", 1)
}
let host = NetworkHost(
  device: device, interface: InterfaceConfiguration(name: arguments[0], addresses: [ours]),
  gateway: gateway, configuration: configuration)

/// Sends, and counts from `begin` to `begin` and `seconds`.
func send(
  to target: SocketAddress, _ algorithm: CongestionAlgorithm, begin: Double, seconds: Double
) async throws {
  var settings = configuration.tcp
  settings.congestion = algorithm
  let stream = try await host.connect(to: target, configuration: settings)
  let writer = Task {
    let chunk = [UInt8](repeating: 7, count: 65_536)
    while !Task.isCancelled { try await stream.write(chunk) }
  }
  try await Task.sleep(for: .seconds(begin))
  let clock = ContinuousClock()
  let start = clock.now
  let before = await stream.info?.statistics
  try await Task.sleep(for: .seconds(seconds))
  let after = await stream.info?.statistics
  let elapsed = (clock.now - start) / .seconds(1)
  guard let before, let after else { fail("the connection is gone", 1) }
  let rate = Double(after.octetsAcknowledged - before.octetsAcknowledged) / elapsed
  print(
    """
    {"controller": "\(algorithm.rawValue)", "rate": \(rate), "sent": \(after.octetsSent), \
    "again": \(after.octetsRetransmitted), "spurious": \(after.duplicatesReported), \
    "timeouts": \(after.timeouts)}
    """)
  writer.cancel()
  await stream.abort()
}

/// Takes one connection, and reads from it.
func receive(at port: UInt16, seconds: Double) async throws {
  let listener = try await host.listen(at: SocketAddress(.any, .init(port)))
  FileHandle.standardError.write(Data("end: ready\n".utf8))
  let reader = Task {
    let stream = try await listener.accept()
    while try await stream.withReceived({ ($0.count, $0.count) }) > 0 {}
  }
  let limit = Task {
    try await Task.sleep(for: .seconds(seconds))
    reader.cancel()
  }
  _ = await reader.result
  limit.cancel()
}

do {
  switch arguments[3] {
  case "send":
    guard arguments.count == 9, let target = SocketAddress(arguments[4]),
      let algorithm = CongestionAlgorithm(rawValue: arguments[5]),
      let begin = Double(arguments[6]), let seconds = Double(arguments[7])
    else { fail("a sender wants more", 64) }
    try await send(to: target, algorithm, begin: begin, seconds: seconds)
  case "receive":
    guard arguments.count == 7, let port = UInt16(arguments[4]),
      let seconds = Double(arguments[5])
    else { fail("a receiver wants more", 64) }
    try await receive(at: port, seconds: seconds)
  default: fail("what is \(arguments[3])?", 64)
  }
} catch {
  fail("\(error)", 1)
}
host.stop()
exit(0)
