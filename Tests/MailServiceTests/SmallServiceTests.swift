import Frames
import MailService
import Octets
import Sockets
import Stack
import Testing
import Wire

/// A device without a wire.
private struct LooseEnd: FrameDevice, Sendable {
  var descriptor: Int32 { -1 }
  var link: LinkType { .rawIP }
  var offload: OffloadCapabilities { .none }
  let counters = DeviceCounters()

  mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int { 0 }

  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool { true }
}

@Suite("the small services", .timeLimit(.minutes(1)))
struct SmallServiceTests {
  private func host() -> NetworkHost {
    NetworkHost(
      device: LooseEnd(),
      interface: InterfaceConfiguration(
        name: "near", addresses: [IPv4Prefix(IPv4Address(192, 0, 2, 1), length: 24)]))
  }

  @Test("a service that cannot have its UDP port leaves none of TCP either")
  func datagramPortTaken() async throws {
    let host = host()
    defer { host.stop() }
    let taken = try await host.bindUDP(at: SocketAddress(.any, 7))
    await #expect(throws: SocketError.self) { try await SmallService.echo.start(on: host) { "" } }
    _ = try await host.listen(at: SocketAddress(.any, 7))
    await taken.close()
  }

  @Test("a service that cannot have its TCP port leaves none of UDP either")
  func streamPortTaken() async throws {
    let host = host()
    defer { host.stop() }
    let taken = try await host.listen(at: SocketAddress(.any, 7))
    await #expect(throws: SocketError.self) { try await SmallService.echo.start(on: host) { "" } }
    _ = try await host.bindUDP(at: SocketAddress(.any, 7))
    await taken.close()
  }
}
