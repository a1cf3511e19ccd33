import Glibc
public import Octets
public import Wire

/// A device whose frames are also written to a capture, in both directions, as a wire would show
/// them: checksums finished, super-packets cut into segments.
public struct TracingDevice<Device: FrameDevice & ~Copyable>: FrameDevice, ~Copyable {
  /// The device behind the trace.
  public var device: Device
  private var writer: PcapngWriter?
  private let interface: UInt32
  private let clock: @Sendable () -> Int64

  /// A device that writes what passes through it.
  ///
  /// - Parameter clock: nanoseconds since 1970-01-01 00:00 UTC.
  public init(
    _ device: consuming Device, name: String, writer: consuming PcapngWriter,
    clock: @escaping @Sendable () -> Int64 = { wallClock() }
  ) {
    var writer = writer
    interface = writer.addInterface(name: name, link: device.link)
    self.device = device
    self.writer = consume writer
    self.clock = clock
  }

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
    var writer = self.writer.take()
    let (link, interface, now) = (device.link, interface, clock())
    let result: Result<Int, FrameError>
    do throws(FrameError) {
      result = .success(
        try device.receive(upTo: limit) { octets, facts in
          FrameFinisher.finish(octets, facts: facts, link: link) { finished in
            writer?.write(finished, interface: interface, time: now, direction: .inbound)
          }
          body(octets, facts)
        })
    } catch {
      result = .failure(error)
    }
    recorded = writer?.count ?? recorded
    self.writer = consume writer
    return try result.get()
  }

  /// Hands the frame to the device, and writes it to the capture when the device took it.
  public mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    guard device.transmit(header, payload, tail, offload: offload) else { return false }
    let whole = [UInt8](joining: header, payload, tail)
    var writer = self.writer.take()
    let (interface, now) = (interface, clock())
    FrameFinisher.finish(whole.span, facts: offload, link: device.link) { finished in
      writer?.write(finished, interface: interface, time: now, direction: .outbound)
    }
    recorded = writer?.count ?? recorded
    self.writer = consume writer
    return true
  }

  /// Brings the capture to its file.
  public mutating func flush() throws(CaptureError) { try writer?.flush() }

  /// Takes what was written to memory since the last time.
  public mutating func takeOctets() -> [UInt8] { writer?.takeOctets() ?? [] }
}

extension TracingDevice: Sendable where Device: Sendable & ~Copyable {}

/// Nanoseconds since 1970-01-01 00:00 UTC by the machine's clock.
public func wallClock() -> Int64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
}
