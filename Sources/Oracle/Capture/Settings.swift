import Octets
import Stack
import TCPCore
import Wire

/// What our stack is set to, so that it offers what the captured end has offered and what differs is
/// behaviour.
struct Settings {
  var tcp = TCPConfiguration()
  /// Octets of the largest packet of its link.
  var mtu = 1500
  /// Octets that a segment of it carries at most.
  let segmentSize: Int
  /// A SYN carried data, or a cookie or the request for one.
  let usesFastOpen: Bool
  /// It answers SYNs.
  let listens: Bool
  /// In words, for people.
  private(set) var words: [String] = []

  init(_ connection: CapturedConnection, role: EndpointRole, distance: Int64) {
    let own = connection.syn(of: role)
    let others = connection.syn(of: role.other)
    let offer = own?.segment.options ?? TCPOptions()
    let asked = others?.segment.options ?? TCPOptions()
    let hasTimestamps =
      offer.timestamps != nil && (others == nil || asked.timestamps != nil)
    // RFC 9293 3.7.1: what is taken for granted without the option.
    let standard: UInt16 = connection.isIPv6 ? 1220 : 536
    let isUnseen = connection.isUnseen(role)
    let peerSize = max(Int(asked.maximumSegmentSize ?? standard), 48)
    let ownSize =
      isUnseen ? peerSize : max(Int(offer.maximumSegmentSize ?? standard), 48)
    let longest = Self.longest(connection, role, peerSize)
    let room = hasTimestamps ? 12 : 0
    // Longer than what it takes itself: its link takes what the peer takes.
    let linkSize = longest &+ room > ownSize ? max(ownSize, min(peerSize, 65_495)) : ownSize
    mtu = min(linkSize &+ 40, 65_535)
    segmentSize = max(min(peerSize, linkSize) &- room, 16)
    tcp.maximumSegmentSize = ownSize
    usesFastOpen =
      offer.fastOpen != nil || asked.fastOpen != nil || (own?.segment.payload ?? 0) > 0
      || (others?.segment.payload ?? 0) > 0
    listens =
      own == nil
      ? role == .server
        && !connection.segments.contains { $0.sender == role && $0.segment.flags.contains(.rst) }
      : own?.segment.flags.contains(.ack) == true
    setOffers(offer, own, others)
    if isUnseen { tcp.usesTimestamps = Self.hasTimestamps(connection.peers(of: role)) }
    setBuffers(own?.segment, offer)
    // The peer's cookie is of another server's making: where that took the data, so do we.
    tcp.fastOpenNeedsCookie = role == .client || (own?.segment.acknowledgment ?? 1) <= 1
    if let own {
      tcp.ttl = own.ttl
      tcp.dscp = own.dscp
    }
    tcp.forbidsFragments = Self.forbidsFragments(connection, role)
    tcp.keepalive = Self.keepalive(connection, role, distance)
    describe(own != nil)
  }

  /// Whether a peer uses timestamps once it has agreed on them.
  private static func hasTimestamps(_ segments: [Segment]) -> Bool {
    segments.contains { $0.options.timestamps != nil && $0.flags.isDisjoint(with: [.syn, .rst]) }
  }

  private mutating func setOffers(
    _ offer: TCPOptions, _ own: CapturedSegment?, _ others: CapturedSegment?
  ) {
    tcp.usesSACK = own == nil || offer.sackPermitted
    tcp.usesTimestamps = own == nil || offer.timestamps != nil
    tcp.usesWindowScaling = own == nil || offer.windowScale != nil
    let both: TCPFlags = [.ece, .cwr]
    if let own, !own.segment.flags.contains(.ack) {
      tcp.ecn = own.segment.flags.isSuperset(of: both) ? .always : .whenAsked
    } else if let own, let others, others.segment.flags.isSuperset(of: both) {
      tcp.ecn = own.segment.flags.contains(.ece) ? .whenAsked : .off
    }
  }

  private mutating func setBuffers(_ syn: Segment?, _ offer: TCPOptions) {
    guard let syn else { return }
    tcp.tunesReceiveBuffer = false
    tcp.receiveBufferLimit = max(syn.window, 2048)
    // The shift suits the largest window that it can tell.
    tcp.receiveBufferMaximum = 65_535 << Int(min(offer.windowScale ?? 0, 14))
  }

  /// The longest payload that the peer takes in one segment; longer ones a device cuts.
  private static func longest(
    _ connection: CapturedConnection, _ role: EndpointRole, _ peerSize: Int
  ) -> Int {
    connection.segments.lazy.filter { $0.sender == role }.map(\.segment.payload)
      .filter { $0 <= peerSize }.max() ?? 0
  }

  private static func forbidsFragments(
    _ connection: CapturedConnection, _ role: EndpointRole
  ) -> Bool {
    connection.segments.contains {
      $0.sender == role && $0.dontFragment && !$0.segment.flags.contains(.syn)
    } || !connection.segments.contains { $0.sender == role && !$0.dontFragment }
  }

  /// The times of keepalive probes: segments at an old number while nothing is unacknowledged.
  private static func keepalive(
    _ connection: CapturedConnection, _ role: EndpointRole, _ distance: Int64
  ) -> Keepalive? {
    var found: Keepalive?
    var highest = 1
    var acknowledged = 0
    var window = 0
    var heard: Int64 = 0
    var probe: Int64?
    for captured in connection.segments where !captured.segment.flags.contains(.rst) {
      let segment = captured.segment
      if captured.sender != role {
        acknowledged = max(acknowledged, segment.acknowledgment ?? 0)
        window = segment.window
        heard = segment.time &+ distance
        probe = nil
        continue
      }
      let isProbe =
        segment.flags == .ack && segment.payload <= 1 && segment.sequence == highest &- 1
        && acknowledged == highest && window > 0
      highest = max(highest, segment.end)
      guard isProbe else { continue }
      var keepalive = found ?? Keepalive()
      let idle = Duration.nanoseconds(max(segment.time &- heard, 1_000_000))
      if probe == nil { keepalive.idle = found.map { min($0.idle, idle) } ?? idle }
      if let probe { keepalive.interval = .nanoseconds(max(segment.time &- probe, 1_000_000)) }
      found = keepalive
      probe = segment.time
    }
    // Where every probe was answered, nobody knows how far apart others would have been.
    if let idle = found?.idle, found?.interval == Keepalive().interval {
      found?.interval = min(idle, Keepalive().interval)
    }
    return found
  }

  private mutating func describe(_ isKnown: Bool) {
    guard isKnown else { return words = ["as always, for it has offered nothing"] }
    words = ["MSS \(tcp.maximumSegmentSize ?? 536)"]
    if tcp.usesWindowScaling {
      words.append("window scale \(TCPConnection.windowScale(tcp))")
    }
    if tcp.usesSACK { words.append("SACK") }
    if tcp.usesTimestamps { words.append("timestamps") }
    if tcp.ecn == .always { words.append("ECN") }
    if tcp.keepalive != nil { words.append("keepalive") }
  }

  /// The user has asked for no delay.
  mutating func setNoDelay() {
    tcp.noDelay = true
    words.append("no delay")
  }
}
