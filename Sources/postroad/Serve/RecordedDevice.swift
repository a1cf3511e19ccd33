import Frames
import Octets
import Synchronization
import Wire

/// A recording of everything on a device, which can be brought to its end from outside.
final class Recording: @unchecked Sendable {
  // `@unchecked`: `device` is touched under `lock` only.
  private let lock = Mutex(())
  private var device: TracingDevice<TUNDevice>?

  init(_ device: consuming TUNDevice, path: String) throws(CaptureError) {
    let name = device.name
    self.device = TracingDevice(
      device, name: name, writer: try PcapngWriter(path: path), asksWhy: true)
  }

  /// Writes what is left, and closes file and device.
  func finish() throws(CaptureError) {
    try lock.withLock { _ throws(CaptureError) in
      try device?.flush()
      device = nil
    }
  }

  fileprivate func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int {
    try lock.withLock { _ throws(FrameError) in
      try device?.receive(upTo: limit, into: body) ?? 0
    }
  }

  fileprivate func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    lock.withLock { _ in device?.transmit(header, payload, tail, offload: offload) ?? true }
  }

  fileprivate func tell(_ body: (inout TracingDevice<TUNDevice>) -> Void) {
    lock.withLock { _ in
      guard var device = device.take() else { return }
      body(&device)
      self.device = consume device
    }
  }

  fileprivate var counters: DeviceCounters {
    lock.withLock { _ in device?.counters ?? DeviceCounters() }
  }
}

/// A TUN device whose frames are recorded.
struct RecordedDevice: FrameDevice, ~Copyable, Sendable {
  let recording: Recording
  let link = LinkType.rawIP
  let descriptor: Int32
  let offload: OffloadCapabilities

  var counters: DeviceCounters { recording.counters }

  mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int {
    try recording.receive(upTo: limit, into: body)
  }

  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    recording.transmit(header, payload, tail, offload: offload)
  }

  var asksWhy: Bool { true }

  mutating func explain(_ explanation: RuleExplanation) {
    recording.tell { $0.explain(explanation) }
  }

  mutating func explainReceived(_ decisions: [[RuleExplanation]]) {
    recording.tell { $0.explainReceived(decisions) }
  }

  mutating func explainOthers(_ decisions: [RuleExplanation]) {
    recording.tell { $0.explainOthers(decisions) }
  }
}
