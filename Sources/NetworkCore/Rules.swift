public import Octets

/// Decisions of the Internet layer. Source: RFC 791, RFC 1122 section 3.
public enum IPRule: UInt8, ProtocolRule {
  case deliver, reassembled, sendPacket, sendFragment, awaitFragments, pathMTUStored
  case dropMalformed, dropVersion, dropHeaderLength, dropTotalLength, dropHeaderChecksum
  case dropBadSource, dropNotForUs, dropSourceRoute, dropBadOption, dropUnknownProtocol
  case dropFragmentOverlap, dropFragmentTooLong, dropFragmentOddLength, dropFragmentLimit
  case dropReassemblyTimeout, dropNoRoute, dropLinkType, dropFull
  case dropLoopbackFull, dropFragmentCodepoint, dropFragmentEvicted, dropLinkBroadcast
  case dropRouteLeadsOn

  /// The document and section.
  public var source: String {
    switch self {
    case .deliver, .sendPacket, .dropMalformed, .dropLinkType: "RFC 791 3.1"
    case .reassembled, .awaitFragments: "RFC 791 3.2"
    case .sendFragment: "RFC 791 2.3"
    case .pathMTUStored: "RFC 1191 3"
    case .dropVersion: "RFC 1122 3.2.1.1"
    case .dropHeaderChecksum: "RFC 1122 3.2.1.2"
    case .dropBadSource, .dropNotForUs: "RFC 1122 3.2.1.3"
    case .dropHeaderLength, .dropTotalLength: "RFC 1122 3.2.1"
    case .dropSourceRoute, .dropBadOption: "RFC 1122 3.2.1.8"
    case .dropUnknownProtocol: "RFC 1122 3.2.2.1"
    case .dropFragmentOverlap: "RFC 1858, RFC 5722 4"
    case .dropFragmentTooLong, .dropFragmentOddLength: "RFC 791 3.2"
    case .dropFragmentLimit, .dropFragmentEvicted, .dropReassemblyTimeout: "RFC 1122 3.3.2"
    case .dropLinkBroadcast: "RFC 1122 3.3.6"
    case .dropRouteLeadsOn: "RFC 1122 3.3.5"
    case .dropFragmentCodepoint: "RFC 3168 5.3"
    case .dropNoRoute: "RFC 1122 3.3.1"
    case .dropFull, .dropLoopbackFull: "RFC 1122 3.3.2"
    }
  }

  /// One sentence of explanation.
  public var sentence: String {
    switch self {
    case .deliver: "the packet is for this host and goes up"
    case .reassembled: "the last missing fragment came: the datagram is whole"
    case .sendPacket: "the packet goes out on the interface of the best route"
    case .sendFragment: "the datagram is larger than the MTU and goes in pieces"
    case .awaitFragments: "a fragment waits for the others"
    case .pathMTUStored: "a router told how large packets on this path may be"
    case .dropMalformed: "the packet is cut off"
    case .dropVersion: "the version is not 4"
    case .dropHeaderLength: "the header length is impossible"
    case .dropTotalLength: "the total length does not fit the frame"
    case .dropHeaderChecksum: "the header checksum is wrong"
    case .dropBadSource: "no host may send from such an address"
    case .dropNotForUs: "the packet is for another host, and this one is no router"
    case .dropSourceRoute: "source routes are refused: they get round filters"
    case .dropBadOption: "an option has an impossible length"
    case .dropUnknownProtocol: "nobody here speaks this protocol"
    case .dropFragmentOverlap: "fragments overlap: the whole datagram is thrown away"
    case .dropFragmentTooLong: "the fragment ends behind the largest datagram"
    case .dropFragmentOddLength:
      "a fragment carries octets, and one in the middle a multiple of eight of them"
    case .dropFragmentCodepoint: "one fragment is marked, another may not be: no sender does that"
    case .dropFragmentLimit: "too much is waiting for its other fragments"
    case .dropFragmentEvicted: "a datagram that waited for its fragments made room for others"
    case .dropReassemblyTimeout: "the other fragments did not come in time"
    case .dropLinkBroadcast: "the frame was for many stations and the packet in it for one host"
    case .dropRouteLeadsOn: "the source route leads on from here, and this host is no router"
    case .dropNoRoute: "no route leads there"
    case .dropLinkType: "the frame carries neither IPv4 nor ARP"
    case .dropFull: "the device was full"
    case .dropLoopbackFull: "too many packets to this host itself are waiting"
    }
  }

  /// What following the rule does.
  public var effect: RuleEffect {
    switch self {
    case .deliver, .reassembled: .accepts
    case .sendPacket, .sendFragment: .sends
    case .awaitFragments: .delays
    case .pathMTUStored: .notes
    default: .drops
    }
  }
}

/// Decisions about ICMP. Source: RFC 792, RFC 1122 section 3.2.2.
public enum ICMPRule: UInt8, ProtocolRule {
  case answerEcho, sendError, deliverError
  case dropMalformed, dropChecksum, dropIgnored, dropRedirect, dropEchoToGroup, dropUnmatched
  case errorAboutError, errorAboutBroadcast, errorAboutFragment, errorAboutSource, errorLimited

  /// The document and section.
  public var source: String {
    switch self {
    case .answerEcho, .dropEchoToGroup: "RFC 1122 3.2.2.6"
    case .deliverError, .dropUnmatched: "RFC 1122 3.2.2"
    case .dropMalformed, .dropChecksum: "RFC 792"
    case .dropIgnored: "RFC 1122 3.2.2"
    case .dropRedirect: "RFC 1122 3.2.2.2"
    case .sendError, .errorAboutError, .errorAboutBroadcast, .errorAboutFragment,
      .errorAboutSource:
      "RFC 1122 3.2.2"
    case .errorLimited: "RFC 1812 4.3.2.8"
    }
  }

  /// One sentence of explanation.
  public var sentence: String {
    switch self {
    case .answerEcho: "an echo is answered with its own octets"
    case .sendError: "the sender is told why its datagram was not taken"
    case .deliverError: "the error goes to the socket whose datagram it quotes"
    case .dropMalformed: "the message is cut off"
    case .dropChecksum: "the checksum is wrong"
    case .dropIgnored: "this host does nothing with such a message"
    case .dropRedirect: "a redirect is not believed: anybody could send our packets his way"
    case .dropEchoToGroup: "an echo to a group of hosts is not answered"
    case .dropUnmatched: "the quoted datagram belongs to no socket here"
    case .errorAboutError: "never an error in answer to an error"
    case .errorAboutBroadcast: "never an error in answer to a broadcast or multicast"
    case .errorAboutFragment: "never an error about a fragment but the first"
    case .errorAboutSource: "never an error to an address that names no single host"
    case .errorLimited: "enough errors were sent this second"
    }
  }

  /// What following the rule does.
  public var effect: RuleEffect {
    switch self {
    case .answerEcho, .sendError: .sends
    case .deliverError: .accepts
    default: .drops
    }
  }
}

/// Decisions about UDP. Source: RFC 768, RFC 1122 section 4.1.
public enum UDPRule: UInt8, ProtocolRule {
  case deliver, send, dropMalformed, dropChecksum, dropNoSocket, dropQueueFull

  /// The document and section.
  public var source: String {
    switch self {
    case .deliver, .send, .dropMalformed: "RFC 768"
    case .dropChecksum: "RFC 1122 4.1.3.4"
    case .dropNoSocket: "RFC 1122 4.1.3.1"
    case .dropQueueFull: "RFC 1122 4.1.3.3"
    }
  }

  /// One sentence of explanation.
  public var sentence: String {
    switch self {
    case .deliver: "the datagram goes to its socket"
    case .send: "the user sends a datagram"
    case .dropMalformed: "the length is impossible"
    case .dropChecksum: "the checksum is wrong"
    case .dropNoSocket: "no socket has this port"
    case .dropQueueFull: "the user does not read, and the queue is full"
    }
  }

  /// What following the rule does.
  public var effect: RuleEffect {
    switch self {
    case .deliver: .accepts
    case .send: .sends
    default: .drops
    }
  }
}

/// Decisions about ARP. Source: RFC 826, RFC 1122 section 2.3.2, RFC 5227.
public enum ARPRule: UInt8, ProtocolRule {
  case ask, answer, learn, waitForAnswer, giveUp
  case dropMalformed, dropNotForUs, dropQueueFull, dropTableFull, dropConflict
  case dropBadSender, dropUnasked, release, defend

  /// The document and section.
  public var source: String {
    switch self {
    case .ask, .answer, .learn, .dropMalformed, .dropNotForUs, .dropUnasked: "RFC 826"
    case .waitForAnswer, .release, .dropQueueFull: "RFC 1122 2.3.2.2"
    case .giveUp, .dropTableFull: "RFC 1122 2.3.2.1"
    case .dropConflict, .defend: "RFC 5227 2.4"
    case .dropBadSender: "RFC 1812 3.3.2"
    }
  }

  /// One sentence of explanation.
  public var sentence: String {
    switch self {
    case .ask: "the hardware address is not known: everybody is asked"
    case .answer: "somebody asks for an address of ours"
    case .learn: "the sender's hardware address is kept"
    case .waitForAnswer: "the packet waits until the address is known"
    case .release: "the address is known now: what waited for it goes"
    case .giveUp: "nobody has answered: the host cannot be reached"
    case .dropMalformed: "the packet is not ARP for IPv4 over Ethernet"
    case .dropNotForUs: "the question is for somebody else"
    case .dropQueueFull: "too many packets wait for the address"
    case .dropTableFull: "too many neighbours are being asked for"
    case .dropConflict: "somebody else claims an address of ours"
    case .defend: "everybody is told, seldom, that the address is ours"
    case .dropBadSender: "the sender's addresses are not those of one station"
    case .dropUnasked: "an answer that nobody asked for, of a host that is not known"
    }
  }

  /// What following the rule does.
  public var effect: RuleEffect {
    switch self {
    case .ask, .answer, .release, .defend: .sends
    case .learn: .notes
    case .waitForAnswer: .delays
    default: .drops
    }
  }
}
