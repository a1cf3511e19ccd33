import Frames
import Octets
import Wire

/// Frames that wait to be told, each with what was found in it and a copy of its octets.
struct ToldFrames {
  /// What is told of one frame.
  struct Frame {
    var entry: Replayer.Entry
    var link: LinkType
    /// Where its octets are.
    var octets: Range<Int>
    /// The comment that the capture has on it, where that is told.
    var comment: String?
  }

  private(set) var frames: [Frame] = []
  private(set) var octets: [UInt8] = []

  /// Whether it is time to hand them on: a second core's cache shall hold them.
  var isFull: Bool { octets.count >= 128 << 10 || frames.count >= 1024 }
  var isEmpty: Bool { frames.isEmpty }

  mutating func append(_ entry: Replayer.Entry, _ frame: borrowing LentFrame, comment: String?) {
    let start = octets.count
    octets.append(copying: frame.octets)
    frames.append(
      Frame(entry: entry, link: frame.linkType, octets: start..<octets.count, comment: comment))
  }

  mutating func removeAll() {
    frames.removeAll(keepingCapacity: true)
    octets.removeAll(keepingCapacity: true)
  }
}
