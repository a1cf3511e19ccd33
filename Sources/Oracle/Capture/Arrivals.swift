import Wire

/// Which of the peer's frames have reached the end whose place our stack takes, and how much later than
/// they were captured.
///
/// A capture is made somewhere on the way. What the peer sent passes that place before it arrives, and
/// what the end answers passes it later; the shortest time between both is taken for the way to the end
/// and back, and each frame counts as arrived so much after it was captured. Where the capture was made
/// at that end, this is what the host needs to answer. Frames may queue on the way: one that the end
/// acknowledges within `slack` after that counts as arrived then, and none overtakes another.
///
/// A frame may also be captured and then be lost. It is taken for lost
/// 1. where it carries octets that the end acknowledges only after they were sent again, and no D-SACK
///    (RFC 2883) says that both copies came;
/// 2. where the end sends again what the frame would have acknowledged to it.
struct Arrivals {
  /// Nanoseconds from a frame's capture to its arrival, at the least.
  private(set) var distance: Int64 = 0
  /// When the frame at each place arrives.
  private(set) var times: [Int64] = []
  /// Places of the frames that have not arrived.
  private(set) var lost: Set<Int> = []

  /// Frames that are looked at from one, so that time stays linear in the capture's length.
  private static let horizon = 10_000

  init(
    _ connection: CapturedConnection, at role: EndpointRole, everythingArrives: Bool, slack: Int64
  ) {
    let segments = connection.segments
    distance = Self.distance(segments, role)
    if !everythingArrives {
      findLostText(segments, role)
      findLostAcknowledgments(segments, role)
    }
    findTimes(segments, role, slack)
  }

  /// What crosses on the way, or waits in a host, or takes longer than the shortest did.
  private var margin: Int64 { max(2_000_000, distance / 4) }

  /// The shortest time from a text of the peer, sent once, to its acknowledgment, or from a timestamp of
  /// its to the echo.
  private static func distance(_ segments: [CapturedSegment], _ role: EndpointRole) -> Int64 {
    var least = Int64.max
    var highest = 0
    var waiting: [(end: Int, time: Int64)] = []
    var first = 0
    var stamps: [UInt32: Int64] = [:]
    for captured in segments {
      let segment = captured.segment
      if captured.sender != role {
        guard !segment.flags.contains(.rst), !captured.wasOvertaken else { continue }
        if let stamp = segment.options.timestamps?.value, stamps[stamp] == nil {
          stamps[stamp] = segment.time
        }
        guard segment.hasText, captured.canBeAcknowledged else { continue }
        if segment.sequence < highest {
          // Which copy is acknowledged is not known.
          waiting.removeAll()
          first = 0
        } else {
          waiting.append((segment.end, segment.time))
        }
        highest = max(highest, segment.end)
      } else if let acknowledgment = segment.acknowledgment {
        while first < waiting.count, waiting[first].end <= acknowledgment {
          least = min(least, segment.time &- waiting[first].time)
          first += 1
        }
        if let echo = segment.options.timestamps?.echo, let time = stamps[echo] {
          least = min(least, segment.time &- time)
        }
      }
    }
    return least == .max ? 0 : max(least, 0)
  }

  // MARK: Times

  private mutating func findTimes(
    _ segments: [CapturedSegment], _ role: EndpointRole, _ slack: Int64
  ) {
    times = segments.map { $0.segment.time &+ distance }
    // From the end: the first answer that covers a text, if it is near.
    var answers: [(time: Int64, number: Int, blocks: [Range<Int>])] = []
    for place in segments.indices.reversed() {
      let segment = segments[place].segment
      if segments[place].sender == role {
        if let number = segment.acknowledgment {
          answers.append((segment.time, number, segment.blocks))
        }
        continue
      }
      guard segment.hasText, !lost.contains(place) else { continue }
      let text = segment.sequence..<segment.end
      for answer in answers.reversed() {
        if answer.time > times[place] &+ slack { break }
        guard answer.time >= segment.time else { continue }
        let covers =
          answer.number >= segment.end
          || answer.blocks.contains {
            $0.lowerBound <= text.lowerBound && text.upperBound <= $0.upperBound
          }
        if covers {
          times[place] = answer.time
          break
        }
      }
    }
    var latest = Int64.min
    for place in segments.indices where segments[place].sender != role && !lost.contains(place) {
      latest = max(latest, times[place])
      times[place] = latest
    }
  }

  // MARK: Text

  private mutating func findLostText(_ segments: [CapturedSegment], _ role: EndpointRole) {
    // Each text of the peer with the place of the first copy that was sent later.
    var copied: [Int: Int] = [:]
    var originals: [(start: Int, end: Int, place: Int)] = []
    var copies: [Int: Int] = [:]
    var highest = 0
    for (place, captured) in segments.enumerated() where captured.sender != role {
      let segment = captured.segment
      guard segment.hasText, !segment.flags.contains(.rst), captured.canBeAcknowledged else {
        continue
      }
      if segment.sequence < highest {
        var index = Self.firstIndex(in: originals, endingBehind: segment.sequence)
        while index < originals.count, originals[index].start < segment.end {
          copied[originals[index].place] = copied[originals[index].place] ?? place
          index += 1
        }
        if let former = copies[segment.sequence] { copied[former] = copied[former] ?? place }
        copies[segment.sequence] = place
      } else {
        originals.append((segment.sequence, segment.end, place))
      }
      highest = max(highest, segment.end)
    }
    for (place, copy) in copied where wasLost(place, copy, segments, role) { lost.insert(place) }
  }

  private static func firstIndex(
    in originals: [(start: Int, end: Int, place: Int)], endingBehind number: Int
  ) -> Int {
    var low = 0
    var high = originals.count
    while low < high {
      let middle = (low + high) / 2
      if originals[middle].end <= number { low = middle + 1 } else { high = middle }
    }
    return low
  }

  private func wasLost(
    _ place: Int, _ copy: Int, _ segments: [CapturedSegment], _ role: EndpointRole
  ) -> Bool {
    let text = segments[place].segment
    let arrival = max(text.time, text.time &+ distance &- margin)
    let copied = segments[copy].segment.time
    let copyArrival = max(copied, copied &+ distance &- margin)
    for index in (place + 1)..<min(segments.count, place + Self.horizon) {
      let answer = segments[index].segment
      guard segments[index].sender == role else { continue }
      if answer.time >= copyArrival {
        // The first answer to the copy: does it say that the copy was one too many?
        guard let block = answer.blocks.first, let number = answer.acknowledgment else {
          if (answer.acknowledgment ?? 0) >= text.end { return true }
          continue
        }
        let isReport =
          block.upperBound <= number
          || answer.blocks.dropFirst().contains {
            $0.lowerBound <= block.lowerBound && block.upperBound <= $0.upperBound
          }
        return !(isReport && block.overlaps(text.sequence..<text.end))
      }
      let covers =
        (answer.acknowledgment ?? 0) >= text.end
        || answer.blocks.contains { $0.lowerBound <= text.sequence && text.end <= $0.upperBound }
      if covers { return false }
      // It came, and there was no room for it.
      if answer.window == 0, answer.acknowledgment == text.sequence, answer.time >= arrival {
        return false
      }
    }
    return true
  }

  // MARK: Acknowledgments

  private mutating func findLostAcknowledgments(
    _ segments: [CapturedSegment], _ role: EndpointRole
  ) {
    let margin = margin
    var highest = 0
    for (place, captured) in segments.enumerated() where captured.sender == role {
      let segment = captured.segment
      defer { highest = max(highest, segment.end) }
      let isProbe = segment.payload <= 1 && segment.flags.isDisjoint(with: [.syn, .fin])
      guard segment.hasText, segment.sequence < highest, !isProbe else { continue }
      for index in stride(from: place - 1, through: max(0, place - Self.horizon), by: -1) {
        let answer = segments[index].segment
        guard segments[index].sender != role, !answer.flags.contains(.rst) else { continue }
        guard let number = answer.acknowledgment, number > segment.sequence else { break }
        guard answer.time &+ distance &+ margin < segment.time else { continue }
        if answer.hasText, wasTaken(answer, index, before: place, segments, role) { continue }
        lost.insert(index)
      }
    }
  }

  private func wasTaken(
    _ text: Segment, _ from: Int, before place: Int, _ segments: [CapturedSegment],
    _ role: EndpointRole
  ) -> Bool {
    segments[from..<place].contains {
      $0.sender == role && ($0.segment.acknowledgment ?? 0) >= text.end
    }
  }
}
