public import Octets
public import Wire

/// Frames that were sent to one end of a memory link and not yet received: a bounded ring.
@safe
final class FrameQueue {
  private let slots: UnsafeMutablePointer<Frame?>
  private let capacity: Int
  private var head = 0
  private(set) var count = 0

  init(capacity: Int) {
    self.capacity = max(capacity, 1)
    unsafe slots = .allocate(capacity: self.capacity)
    for index in 0..<self.capacity { unsafe (slots + index).initialize(to: nil) }
  }

  deinit {
    unsafe slots.deinitialize(count: capacity)
    unsafe slots.deallocate()
  }

  var isFull: Bool { count == capacity }

  func append(_ frame: consuming Frame) {
    precondition(!isFull, "a frame queued beyond the bound of its queue")
    unsafe slots[(head &+ count) % capacity] = consume frame
    count &+= 1
  }

  func popFirst() -> Frame? {
    guard count > 0 else { return nil }
    let frame = unsafe slots[head].take()
    head = (head &+ 1) % capacity
    count &-= 1
    return frame
  }
}

/// One end of a link in memory: what one end sends the other receives, on the same thread.
public struct MemoryDevice: FrameDevice {
  private let incoming: FrameQueue
  private let outgoing: FrameQueue
  private let pool: FramePool
  /// What the first octets of its frames are.
  public let link: LinkType
  /// What the other end accepts unfinished.
  public let offload: OffloadCapabilities
  /// What happened so far.
  public private(set) var counters = DeviceCounters()

  /// Two ends of a link that holds at most `capacity` frames in each direction.
  public static func pair(
    link: LinkType = .rawIP, capacity: Int = 256, offload: OffloadCapabilities = .none,
    pool: FramePool = FramePool()
  ) -> (MemoryDevice, MemoryDevice) {
    let there = FrameQueue(capacity: capacity)
    let back = FrameQueue(capacity: capacity)
    return (
      MemoryDevice(incoming: back, outgoing: there, pool: pool, link: link, offload: offload),
      MemoryDevice(incoming: there, outgoing: back, pool: pool, link: link, offload: offload)
    )
  }

  private init(
    incoming: FrameQueue, outgoing: FrameQueue, pool: FramePool, link: LinkType,
    offload: OffloadCapabilities
  ) {
    self.incoming = incoming
    self.outgoing = outgoing
    self.pool = pool
    self.link = link
    self.offload = offload
  }

  /// There is nothing to wait on: whoever drives both ends knows when frames wait.
  public var descriptor: Int32 { -1 }
  /// Frames that wait to be received.
  public var waiting: Int { incoming.count }

  /// Lends `body` the frames that wait, at most `limit` of them.
  public mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int {
    var frames = 0
    while frames < limit, let frame = incoming.popFirst() {
      frames &+= 1
      counters.received &+= 1
      body(frame.octets, frame.offload)
    }
    return frames
  }

  /// Queues a copy of the frame for the other end; false when the queue or the pool is exhausted.
  public mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    let length = header.count &+ payload.count &+ tail.count
    guard length <= FramePool.largeSize &- Frame.defaultHeadroom else {
      counters.transmitErrors &+= 1
      return true
    }
    guard !outgoing.isFull, var frame = pool.lease(forAtLeast: length) else {
      counters.refused &+= 1
      return false
    }
    frame.append(header)
    frame.append(payload)
    frame.append(tail)
    frame.offload = offload
    outgoing.append(frame)
    counters.transmitted &+= 1
    return true
  }
}
