import DequeModule
import Octets

/// Finished frames that wait for an interface, in order, with their octets counted.
struct FrameQueue {
  private var frames: Deque<CollectedFrame> = []
  /// Octets of all frames.
  private(set) var octets = 0

  var isEmpty: Bool { frames.isEmpty }
  var count: Int { frames.count }
  var first: CollectedFrame? { frames.first }

  /// Whether so many more frames and octets are within the bounds.
  func hasRoom(
    frames more: Int = 1, octets: Int, within bounds: StackConfiguration
  ) -> Bool {
    count + more <= bounds.maximumQueuedPackets
      && self.octets + octets <= bounds.maximumQueuedOctets
  }

  mutating func append(_ frame: CollectedFrame) {
    octets += frame.octets.count
    frames.append(frame)
  }

  mutating func popFirst() -> CollectedFrame? {
    guard let frame = frames.popFirst() else { return nil }
    octets -= frame.octets.count
    return frame
  }
}
