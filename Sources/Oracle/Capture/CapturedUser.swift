import Wire

/// What the user of the captured end has done, as far as its segments tell it.
///
/// Our stack gets the same calls, so that what differs is the stacks' doing:
///
/// - OPEN when the first SYN was captured, for an end that sent one without being asked.
/// - SEND when the first octet of what was written in one piece was first captured. A piece ends where a
///   segment has PSH or FIN (RFC 9293 3.9.1.2), where one is not full though the window was open, and where
///   all was acknowledged for a while: there the stack would have sent more if it had had any. What was
///   sent and never captured, which the next numbers tell, belongs to the piece. Where no bare
///   acknowledgment ends the handshake of an active open, the first piece had been there before.
/// - RECEIVE as the window tells it: the largest window so far is the buffer, and what a smaller one
///   lacks is unread. The user reads as soon as it must have; where a window update says when it read,
///   just then.
/// - CLOSE of the sending side when the FIN was captured; with the last piece, where the FIN rides on it.
///   Where data after the FIN was answered by a reset, the user had gone altogether.
/// - ABORT when a reset was captured that our stack would not send by itself.
///
/// Of an end of which nothing was captured, ``UnseenUser`` tells less.
struct CapturedUser {
  enum Act: Equatable {
    case open
    /// Writes so many octets; with `announcesMore`, there was more to come when they were sent.
    case write(Int, announcesMore: Bool)
    /// Writes no more; with `leaves`, it does not read on either.
    case finish(leaves: Bool)
    case abort
    /// Reads up to this number from here on; nil for all that comes.
    case read(upTo: Int?)
    /// Has room for so many octets.
    case makeRoom(Int)
    /// Its stack has acknowledged up to this number.
    case acknowledged(Int)
  }

  /// What was done, when, and at which place of the capture it shows.
  struct Entry {
    var time: Int64
    var place: Int
    var act: Act
    /// Of what shows at the same place: what had to be known first, what was done, what comes next.
    var order = 1
  }

  private(set) var entries: [Entry] = []
  /// A small segment was sent while another was unacknowledged: the user wants no delay.
  private(set) var wantsNoDelay = false
  /// Where the last piece was written, if a FIN rides on it.
  private var finishes: Set<Int> = []
  /// Octets written in all.
  private(set) var written = 0

  /// A hole in the numbers beyond this is no text that was missed.
  private static let widestHole = 16 << 20
  /// Nanoseconds after which a stack that could send has nothing to send.
  private static let pause: Int64 = 1_000_000

  init(_ connection: CapturedConnection, role: EndpointRole, segmentSize: Int, distance: Int64) {
    let segments = connection.segments
    guard !connection.isUnseen(role) else {
      entries = UnseenUser(connection, role).entries
      return
    }
    if let syn = connection.syn(of: role), !syn.segment.flags.contains(.ack),
      let place = segments.firstIndex(where: { $0.segment.frame == syn.segment.frame })
    {
      entries.append(Entry(time: syn.segment.time, place: place, act: .open))
    }
    findWrites(segments, role, segmentSize, distance)
    findEarlyWrite(segments, role)
    findReads(segments, role)
    findEnd(segments, role)
    // What else is the same was found in the order in which it was done.
    entries = entries.enumerated().sorted {
      ($0.element.time, $0.element.place, $0.element.order, $0.offset)
        < ($1.element.time, $1.element.place, $1.element.order, $1.offset)
    }.map(\.element)
  }

  /// Whether a FIN rides on what is written here.
  func hasFinish(with entry: Entry) -> Bool { finishes.contains(entry.place) }

  // MARK: SEND and CLOSE

  private mutating func findWrites(
    _ segments: [CapturedSegment], _ role: EndpointRole, _ size: Int, _ distance: Int64
  ) {
    var next = 1
    var piece: (time: Int64, place: Int, count: Int)?
    var acknowledged = (number: 1, since: Int64.min)
    // What the peer has acknowledged and has not arrived yet.
    var coming: [(number: Int, at: Int64, window: Int)] = []
    var arrived = 0
    var window = 0
    var edge = 0
    var small: Int?
    var hasFinished = false
    for (place, captured) in segments.enumerated() {
      let segment = captured.segment
      guard captured.sender == role else {
        guard !segment.flags.contains(.rst) else { continue }
        coming.append((segment.acknowledgment ?? 0, segment.time &+ distance, segment.window))
        continue
      }
      while arrived < coming.count, coming[arrived].at <= segment.time {
        let came = coming[arrived]
        if came.number > acknowledged.number { acknowledged = (came.number, came.at) }
        // Nor could it send while the window was closed.
        if window < size, came.window >= size { acknowledged.since = came.at }
        window = came.window
        edge = max(edge, came.number &+ window)
        arrived += 1
      }
      guard !segment.flags.contains(.rst), !hasFinished else { continue }
      let isFinal = segment.flags.contains(.fin)
      let start = segment.flags.contains(.syn) ? segment.sequence &+ 1 : segment.sequence
      let end = start &+ segment.payload
      let fresh = end &- next
      guard fresh > 0 || isFinal, end &- next <= Self.widestHole, end >= next else { continue }
      if fresh > 0 {
        let isIdle =
          acknowledged.number >= next && window >= size
          && acknowledged.since < segment.time &- Self.pause
        if isIdle, let whole = piece {
          write(whole, isWhole: false)
          piece = nil
        }
        let isSmall = segment.payload < size
        if isSmall, !isFinal, let small, small > acknowledged.number { wantsNoDelay = true }
        if isSmall { small = end }
        let begun = piece ?? (segment.time, place, 0)
        piece = (begun.time, begun.place, begun.count &+ fresh)
        next = end
        written &+= fresh
      }
      let isShort = segment.payload > 0 && segment.payload < size && end < edge
      guard isFinal || isShort || segment.flags.contains(.psh) else { continue }
      var moment = (segment.time, place)
      if let whole = piece {
        write(whole, isWhole: true)
        if segment.payload > 0 {
          moment = (whole.time, whole.place)
          if isFinal { finishes = [whole.place] }
        }
      }
      piece = nil
      if isFinal {
        hasFinished = true
        let leaves = Self.refusesText(segments[place...], role)
        entries.append(
          Entry(time: moment.0, place: moment.1, act: .finish(leaves: leaves)))
      }
    }
    if let piece { write(piece, isWhole: false) }
  }

  private mutating func write(_ piece: (time: Int64, place: Int, count: Int), isWhole: Bool) {
    entries.append(
      Entry(
        time: piece.time, place: piece.place,
        act: .write(piece.count, announcesMore: !isWhole)))
  }

  /// The first octets waited for the handshake if they end it.
  private mutating func findEarlyWrite(_ segments: [CapturedSegment], _ role: EndpointRole) {
    guard let opened = entries.first(where: { $0.act == .open }),
      let answer = segments.first(where: {
        $0.sender == role && $0.segment.flags.isDisjoint(with: [.syn, .rst])
      }), answer.segment.payload > 0,
      let index = entries.firstIndex(where: { if case .write = $0.act { true } else { false } })
    else { return }
    let place = entries[index].place
    for later in entries.indices where entries[later].place == place && entries[later].order == 1 {
      entries[later].time = opened.time
      entries[later].place = opened.place
    }
    if finishes.contains(place) { finishes = [opened.place] }
  }

  /// Whether text that came after our FIN was answered by a reset.
  private static func refusesText(
    _ segments: ArraySlice<CapturedSegment>, _ role: EndpointRole
  ) -> Bool {
    var hasText = false
    for captured in segments {
      if captured.sender != role {
        hasText = hasText || captured.segment.payload > 0
      } else if captured.segment.flags.contains(.rst) {
        return hasText
      }
    }
    return false
  }

  // MARK: RECEIVE

  private mutating func findReads(_ segments: [CapturedSegment], _ role: EndpointRole) {
    var room = 0
    var former: (time: Int64, place: Int, acknowledgment: Int, answers: (Segment) -> Bool)?
    for (place, captured) in segments.enumerated() where captured.sender == role {
      let segment = captured.segment
      guard !segment.flags.contains(.rst) else { continue }
      let number = segment.acknowledgment ?? 1
      if let former, number < former.acknowledgment { continue }
      room = max(room, segment.window)
      let read = number &- (room &- segment.window)
      // Before the octets are acknowledged of which it tells, unless it tells of nothing else.
      var moment = (segment.time, place, 0)
      if let former, former.acknowledgment < number || former.answers(segment) {
        moment = (former.time, former.place, 2)
      }
      for act in [Act.makeRoom(room), .read(upTo: read)] where place > 0 || role == .server {
        entries.append(Entry(time: moment.0, place: moment.1, act: act, order: moment.2))
      }
      entries.append(
        Entry(time: segment.time, place: place, act: .acknowledged(number), order: 0))
      former = (
        segment.time, place, number,
        { next in
          // Something else than the reading makes it speak; a closed window opens when it reads.
          segment.flags.contains(.syn)
            || next.blocks != segment.blocks && segment.window > room / 2
        }
      )
    }
    if let former {
      entries.append(
        Entry(time: former.time, place: former.place, act: .read(upTo: nil), order: 2))
    }
  }

  // MARK: ABORT

  private mutating func findEnd(_ segments: [CapturedSegment], _ role: EndpointRole) {
    guard
      let place = segments.lastIndex(where: {
        $0.sender == role && !$0.segment.flags.contains(.rst)
      }),
      let reset = segments[place...].firstIndex(where: {
        $0.sender == role && $0.segment.flags.contains(.rst)
      })
    else { return }
    entries.append(Entry(time: segments[reset].segment.time, place: reset, act: .abort))
  }
}
