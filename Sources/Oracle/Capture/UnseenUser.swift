import Wire

/// What the user of an end has done of which nothing was captured, as far as its peer's frames tell it:
///
/// - OPEN before anything else, for a client.
/// - SEND of what the peer acknowledges next, as soon as the frame before that acknowledgment has come: a
///   user answers what it hears, or has nothing to wait for.
/// - CLOSE in place of the last octet that is acknowledged, where the peer has closed, too.
/// - RECEIVE of all that comes.
struct UnseenUser {
  private(set) var entries: [CapturedUser.Entry] = []

  init(_ connection: CapturedConnection, _ role: EndpointRole) {
    if role == .client { add(.open, at: -1, 0) }
    add(.read(upTo: nil), at: -1, 0)
    let segments = connection.segments
    let last = connection.acknowledged(of: role)
    let peerCloses = connection.finish[role.other] != nil
    var acknowledged = 1
    for (place, captured) in segments.enumerated() {
      let segment = captured.segment
      guard let number = segment.acknowledgment, number > acknowledged,
        !segment.flags.contains(.rst)
      else { continue }
      let count = number - acknowledged
      acknowledged = number
      let former = max(place - 1, 0)
      let finishes = number == last && peerCloses
      let time = segments[former].segment.time
      let octets = finishes ? count - 1 : count
      if octets > 0 { add(.write(octets, announcesMore: false), at: time, former) }
      if finishes { add(.finish(leaves: false), at: time, former) }
    }
  }

  private mutating func add(_ act: CapturedUser.Act, at time: Int64, _ place: Int) {
    entries.append(CapturedUser.Entry(time: time, place: place, act: act))
  }
}
