import Frames
import Octets
import Synchronization
import Wire

/// Lines on their way from the thread of the stack to standard error; whoever reads there may be slow.
final class ReasonFeed: Sendable {
  /// Lines that wait at most; more are only counted.
  static let limit = 16_384

  private struct Waiting {
    var lines: [String] = []
    var omitted = 0
  }
  private let waiting = Mutex(Waiting())

  /// Adds lines, as far as there is room.
  func add(_ lines: [String]) {
    waiting.withLock {
      let room = max(0, Self.limit - $0.lines.count)
      $0.lines += lines.prefix(room)
      $0.omitted += max(0, lines.count - room)
    }
  }

  /// Takes what waits, and says how much did not fit.
  func take() -> [String] {
    let taken = waiting.withLock { waiting in
      defer { waiting = Waiting() }
      return waiting
    }
    guard taken.omitted > 0 else { return taken.lines }
    return taken.lines + ["(\(taken.omitted) more lines came faster than they are read)"]
  }
}

/// A device that tells each frame that passes, and below it why: `<` came, `>` was sent.
struct ExplainingDevice<Device: FrameDevice & ~Copyable>: FrameDevice, ~Copyable {
  private var device: Device
  private let feed: ReasonFeed
  /// Frames that came and of which it was not said yet what became of them.
  private var received: [String] = []
  private var reason: RuleExplanation?
  private var hasToldVersion = false

  init(_ device: consuming Device, feed: ReasonFeed) {
    self.device = device
    self.feed = feed
  }

  var link: LinkType { device.link }
  var descriptor: Int32 { device.descriptor }
  var offload: OffloadCapabilities { device.offload }
  var counters: DeviceCounters { device.counters }
  var asksWhy: Bool { true }

  mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int {
    var frames: [String] = []
    let link = link
    let count = try device.receive(upTo: limit) { octets, facts in
      frames.append(PacketDescription.line(for: octets, link: link))
      body(octets, facts)
    }
    received = frames
    return count
  }

  mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    let why = reason.take()
    guard device.transmit(header, payload, tail, offload: offload) else { return false }
    let whole = [UInt8](joining: header, payload, tail)
    tell(">", PacketDescription.line(for: whole.span, link: link), why.map { [$0] } ?? [])
    return true
  }

  mutating func explain(_ explanation: RuleExplanation) {
    reason = explanation
    device.explain(explanation)
  }

  mutating func explainReceived(_ decisions: [[RuleExplanation]]) {
    for (frame, why) in zip(received, decisions) {
      // The kernel sends IPv6 on every device: told once, and counted from then on.
      if why.contains(where: { $0.name == "dropVersion" }) {
        if hasToldVersion { continue }
        hasToldVersion = true
      }
      tell("<", frame, why)
    }
    received = []
    device.explainReceived(decisions)
  }

  mutating func explainOthers(_ decisions: [RuleExplanation]) {
    feed.add(Self.lines(decisions))
    device.explainOthers(decisions)
  }

  private func tell(_ direction: String, _ frame: String, _ why: [RuleExplanation]) {
    feed.add(["\(direction) \(frame)"] + Self.lines(why))
  }

  private static func lines(_ decisions: [RuleExplanation]) -> [String] {
    decisions.map { "    \($0)" }
  }
}

extension ExplainingDevice: Sendable where Device: Sendable & ~Copyable {}
