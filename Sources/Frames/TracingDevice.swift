import Glibc
public import Octets
public import Wire

/// A device whose frames are also written to a capture, in both directions, as a wire would show
/// them: checksums finished, super-packets cut into segments.
///
/// Where the stack explains itself, each frame's comment says why: why it is sent and what has held it
/// back, or what became of it. What a timer decides goes with the next frame.
public struct TracingDevice<Device: FrameDevice & ~Copyable>: FrameDevice, ~Copyable {
  /// The device behind the trace.
  public var device: Device
  private var writer: PcapngWriter?
  private let interface: UInt32
  private let clock: @Sendable () -> Int64
  /// Frames that came and of which it was not said yet what became of them.
  private var waiting: [Received] = []
  /// Why the next frame is sent.
  private var reason: RuleExplanation?
  /// What was decided without a frame since the last one.
  private var others: [RuleExplanation] = []

  private struct Received {
    var octets: [UInt8]
    var facts: OffloadFacts
    var time: Int64
  }

  /// A device that writes what passes through it.
  ///
  /// - Parameters:
  ///   - asksWhy: whether frames get comments; else they are written as they come.
  ///   - clock: nanoseconds since 1970-01-01 00:00 UTC.
  public init(
    _ device: consuming Device, name: String, writer: consuming PcapngWriter,
    asksWhy: Bool = false,
    clock: @escaping @Sendable () -> Int64 = { wallClock() }
  ) {
    var writer = writer
    interface = writer.addInterface(name: name, link: device.link)
    self.device = device
    self.writer = consume writer
    self.asksWhy = asksWhy
    self.clock = clock
  }

  /// Whether frames get comments.
  public let asksWhy: Bool

  /// What the first octets of its frames are.
  public var link: LinkType { device.link }
  /// The descriptor of the device.
  public var descriptor: Int32 { device.descriptor }
  /// What the device does for its stack.
  public var offload: OffloadCapabilities { device.offload }
  /// What happened so far.
  public var counters: DeviceCounters { device.counters }
  /// Frames in the capture.
  public private(set) var recorded = 0

  /// Lends `body` the frames that wait, and writes each to the capture first.
  public mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int {
    writeWaiting([])
    let (now, asksWhy) = (clock(), asksWhy)
    var received: [Received] = []
    let result: Result<Int, FrameError>
    do throws(FrameError) {
      result = .success(
        try device.receive(upTo: limit) { octets, facts in
          received.append(Received(octets: [UInt8](copying: octets), facts: facts, time: now))
          body(octets, facts)
        })
    } catch {
      result = .failure(error)
    }
    waiting = received
    if !asksWhy { writeWaiting([]) }
    return try result.get()
  }

  /// Writes the frames that came last, each with what became of it.
  public mutating func explainReceived(_ decisions: [[RuleExplanation]]) {
    writeWaiting(decisions)
  }

  /// Keeps what was decided for the comment of the next frame.
  public mutating func explainOthers(_ decisions: [RuleExplanation]) {
    // A comment has a bound, too.
    others = (others + decisions).suffix(16)
  }

  /// Keeps why the next frame is sent for its comment.
  public mutating func explain(_ explanation: RuleExplanation) {
    if asksWhy { reason = explanation }
  }

  private mutating func writeWaiting(_ decisions: [[RuleExplanation]]) {
    let frames = waiting
    waiting = []
    for (index, frame) in frames.enumerated() {
      let why = index < decisions.count ? decisions[index] : []
      write(frame.octets, frame.facts, at: frame.time, .inbound, comment: takeOthers() + why)
    }
  }

  private mutating func takeOthers() -> [RuleExplanation] {
    defer { others = [] }
    return others
  }

  private mutating func write(
    _ octets: [UInt8], _ facts: OffloadFacts, at time: Int64,
    _ direction: PcapngWriter.Direction, comment: [RuleExplanation]
  ) {
    var writer = self.writer.take()
    let interface = interface
    let comment =
      comment.isEmpty ? nil : comment.map(\.description).joined(separator: "\n")
    FrameFinisher.finish(octets.span, facts: facts, link: device.link) { finished in
      writer?.write(
        finished, interface: interface, time: time, direction: direction, comment: comment)
    }
    recorded = writer?.count ?? recorded
    self.writer = consume writer
  }

  /// Hands the frame to the device, and writes it to the capture when the device took it.
  public mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    let why = reason.take()
    guard device.transmit(header, payload, tail, offload: offload) else { return false }
    writeWaiting([])
    let comment = takeOthers() + (why.map { [$0] } ?? [])
    let whole = [UInt8](joining: header, payload, tail)
    write(whole, offload, at: clock(), .outbound, comment: comment)
    return true
  }

  /// Brings the capture to its file.
  public mutating func flush() throws(CaptureError) {
    writeWaiting([])
    try writer?.flush()
  }

  /// Takes what was written to memory since the last time.
  public mutating func takeOctets() -> [UInt8] {
    writeWaiting([])
    return writer?.takeOctets() ?? []
  }
}

extension TracingDevice: Sendable where Device: Sendable & ~Copyable {}

/// Nanoseconds since 1970-01-01 00:00 UTC by the machine's clock.
public func wallClock() -> Int64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
}
