import Wire

/// A packet as a script writes it, in the script's numbers.
struct PacketSyntax: Hashable, Sendable {
  var network = NetworkSyntax()
  /// Headers around it; the outermost first.
  var encapsulation: [EncapsulationSyntax] = []
  var body: Body

  enum Body: Hashable, Sendable {
    case tcp(SegmentSyntax)
    case udp(DatagramSyntax)
    case icmp(ICMPSyntax)
  }
}

/// What a script says about the IP header.
struct NetworkSyntax: Hashable, Sendable {
  enum Congestion: Hashable, Sendable {
    /// The two bits exactly.
    case exactly(UInt8)
    /// ECT(0) or ECT(1).
    case eitherCapable
  }

  var congestion: Congestion?
  /// The whole octet of service type or traffic class.
  var serviceType: UInt8?
  var ttl: UInt8?
  var flowLabel: UInt32?

  var isEmpty: Bool { self == NetworkSyntax() }
}

/// A header around a packet; only its kind matters, for no stack of ours takes them.
struct EncapsulationSyntax: Hashable, Sendable {
  var name: String
}

/// The ports that a packet states itself.
struct PortsSyntax: Hashable, Sendable {
  var source: UInt16
  var destination: UInt16
}

/// A TCP segment.
struct SegmentSyntax: Hashable, Sendable {
  var ports: PortsSyntax?
  var flags: SegmentFlags
  var start: UInt32
  /// Octets of payload.
  var length: UInt16
  var acknowledgment: UInt32?
  var window: UInt16?
  var urgentPointer: UInt16 = 0
  /// The numbers are those of the wire (the fork's `!`).
  var isAbsolute = false
  /// Any sequence number will do (the fork's `...(0)`).
  var hasAnySequence = false
  /// nil for `<...>`: any.
  var options: [OptionSyntax]? = []
  /// The ports of a UDP header around it, in the fork's dialect.
  var udpPorts: PortsSyntax?

  var end: UInt32 { start &+ UInt32(length) }
}

/// The nine control bits: those of RFC 9293, and AE (RFC 9768) above them.
struct SegmentFlags: OptionSet, Hashable, Sendable {
  var rawValue: UInt16
  static let fin = SegmentFlags(rawValue: 1)
  static let syn = SegmentFlags(rawValue: 2)
  static let rst = SegmentFlags(rawValue: 4)
  static let psh = SegmentFlags(rawValue: 8)
  static let ack = SegmentFlags(rawValue: 16)
  static let urg = SegmentFlags(rawValue: 32)
  static let ece = SegmentFlags(rawValue: 64)
  static let cwr = SegmentFlags(rawValue: 128)
  static let ae = SegmentFlags(rawValue: 256)

  /// The letters, in the order in which they are shown.
  static let letters: [(SegmentFlags, Character)] = [
    (.syn, "S"), (.fin, "F"), (.rst, "R"), (.psh, "P"), (.urg, "U"), (.ece, "E"), (.cwr, "W"),
    (.ae, "A"), (.ack, "."),
  ]

  /// As a script writes them.
  var text: String {
    guard !isEmpty else { return "-" }
    return String(Self.letters.filter { contains($0.0) }.map(\.1))
  }
}

/// An option of a TCP segment.
enum OptionSyntax: Hashable, Sendable {
  case noOperation
  case endOfList
  case maximumSegmentSize(UInt16)
  case windowScale(UInt8)
  case sackPermitted
  case sack([SACKSyntax])
  case timestamps(value: UInt32, echo: UInt32)
  case md5([UInt8])
  /// A digest that must be right (the fork's `md5 valid`).
  case validMD5
  case fastOpen([UInt8])
  case fastOpenExperimental([UInt8])
  /// Counters in the order of the option; `first` is 0 or 1.
  case accurateECN(order: Int, counters: [UInt32])
  /// Any other kind.
  case other(kind: UInt8, [UInt8])
  /// The octets of the whole block.
  case raw([UInt8])

  /// Octets of the option.
  var length: Int {
    switch self {
    case .noOperation, .endOfList: 1
    case .maximumSegmentSize: 4
    case .windowScale: 3
    case .sackPermitted: 2
    case .sack(let blocks): 2 + 8 * blocks.count
    case .timestamps: 10
    case .md5(let digest): 2 + digest.count
    case .validMD5: 18
    case .fastOpen(let cookie): 2 + cookie.count
    case .fastOpenExperimental(let cookie): 4 + cookie.count
    case .accurateECN(_, let counters): 2 + 3 * counters.count
    case .other(_, let octets): 2 + octets.count
    case .raw(let octets): octets.count
    }
  }
}

/// A range of sequence numbers in a SACK option.
struct SACKSyntax: Hashable, Sendable {
  var left: UInt32
  var right: UInt32
}

/// A UDP datagram of zero octets.
struct DatagramSyntax: Hashable, Sendable {
  var ports: PortsSyntax?
  var length: UInt16
}

/// An ICMP message.
struct ICMPSyntax: Hashable, Sendable {
  enum Quote: Hashable, Sendable {
    /// The segment that the message is about.
    case segment(start: UInt32, length: UInt16)
    /// The datagram that the message is about.
    case datagram(length: UInt16)
    /// No datagram: so many octets in all.
    case raw(length: UInt16)
  }

  var type: UInt8
  var code: UInt8
  /// The message is one of ICMPv6.
  var isIPv6 = false
  var mtu: UInt32?
  var identifier: UInt16?
  var quote: Quote?
  /// What the type is called, for messages.
  var name: String
}
