import Frames
import Glibc
import Octets
import Sockets
import Stack
import Synchronization
import Testing
import Wire

/// How often a device was asked for frames.
private final class Asked: Sendable {
  let count = Atomic<Int>(0)
}

/// A device that was deleted: its descriptor is always readable, and reading it fails.
private struct GoneDevice: FrameDevice, Sendable {
  let asked: Asked
  let descriptor: Int32
  var link: LinkType { .rawIP }
  var offload: OffloadCapabilities { .none }
  var counters: DeviceCounters { DeviceCounters() }

  init(_ asked: Asked) {
    self.asked = asked
    // A pipe without a writer.
    var ends: [Int32] = [0, 0]
    let result = unsafe pipe(&ends)
    precondition(result == 0, "no pipe could be made")
    close(ends[1])
    descriptor = ends[0]
  }

  mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int {
    asked.count.add(1, ordering: .relaxed)
    throw .gone(device: "gone0")
  }

  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool { true }
}

@Suite("A device that fails", .timeLimit(.minutes(1)))
struct DeviceFailureTests {
  @Test("the failure is told once, and nothing waits on the device any more")
  func gone() async {
    let asked = Asked()
    let host = NetworkHost(
      device: GoneDevice(asked),
      interface: InterfaceConfiguration(
        name: "gone0", addresses: [IPv4Prefix(IPv4Address(192, 0, 2, 1), length: 24)]))
    // Each is a turn of the loop.
    for _ in 0..<100 { _ = await host.connectionCount }
    host.stop()
    var failures: [FrameError] = []
    for await failure in host.deviceFailures { failures.append(failure) }
    #expect(failures == [.gone(device: "gone0")])
    #expect(asked.count.load(ordering: .relaxed) == 1)
  }

  @Test("a host that is stopped ends the waiting for a failure")
  func stopped() async {
    let hosts = PairedHosts()
    hosts.client.stop()
    var failures = 0
    for await _ in hosts.client.deviceFailures { failures += 1 }
    #expect(failures == 0)
  }
}
