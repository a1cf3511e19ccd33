import Frames
import Sockets
import Stack
import Wire

/// Answers every octet on port 7 of 192.0.2.1, behind the TUN device post0.
func serveEcho() async throws {
  let device = try TUNDevice(name: "post0")
  let kernel = try NetworkInterfaceControl(name: "post0")
  try kernel.setAddress(IPv4Prefix(IPv4Address(192, 0, 2, 2), length: 24))
  try kernel.setUp()
  let ours = IPv4Prefix(IPv4Address(192, 0, 2, 1), length: 24)
  let host = NetworkHost(
    device: device, interface: InterfaceConfiguration(name: "post0", addresses: [ours]))
  let listener = try await host.listen(at: SocketAddress(.any, 7))
  try await withThrowingDiscardingTaskGroup { connections in
    while true {
      let stream = try await listener.accept()
      connections.addTask {
        while let octets = try? await stream.read(), !octets.isEmpty {
          try? await stream.write(octets)
        }
        await stream.close()
      }
    }
  }
}
