public import Octets

/// What an ICMP message says. Source: RFC 792; RFC 1122 section 3.2.2; RFC 1191 section 4.
public enum ICMPv4Kind: Hashable, Sendable {
  /// Answer to an echo.
  case echoReply(identifier: UInt16, sequence: UInt16)
  /// A question to be echoed.
  case echo(identifier: UInt16, sequence: UInt16)
  /// A datagram could not be delivered. `nextHopMTU` is set with code 4 only, and may be 0 there.
  case unreachable(code: UInt8, nextHopMTU: UInt16)
  /// Slow down: deprecated (RFC 6633).
  case sourceQuench
  /// A better first hop.
  case redirect(code: UInt8, gateway: IPv4Address)
  /// Hops (code 0) or time for reassembly (code 1) ran out.
  case timeExceeded(code: UInt8)
  /// A header field is wrong, at this octet.
  case parameterProblem(code: UInt8, pointer: UInt8)
  /// Anything else.
  case other(type: UInt8, code: UInt8)

  /// Whether the message reports an error about a datagram which it quotes.
  @inlinable public var isError: Bool {
    switch self {
    case .unreachable, .sourceQuench, .redirect, .timeExceeded, .parameterProblem: true
    case .echo, .echoReply, .other: false
    }
  }
}

/// An ICMP message as it lies in octets.
public struct ICMPv4MessageView: ~Escapable {
  /// The whole message.
  public let octets: Span<UInt8>

  /// Checks that the 8 octets of the header are there.
  @inlinable @_lifetime(copy octets)
  public init(parsing octets: Span<UInt8>) throws(ParseError) {
    guard octets.count >= 8 else { throw .truncated(needed: 8, available: octets.count) }
    self.octets = octets
  }

  /// What the message says.
  public var kind: ICMPv4Kind {
    let code = octets[1]
    switch octets[0] {
    case 0:
      return .echoReply(identifier: octets.uint16(at: 4), sequence: octets.uint16(at: 6))
    case 3: return .unreachable(code: code, nextHopMTU: code == 4 ? octets.uint16(at: 6) : 0)
    case 4: return .sourceQuench
    case 5:
      return .redirect(code: code, gateway: IPv4Address(rawValue: octets.uint32(at: 4)))
    case 8: return .echo(identifier: octets.uint16(at: 4), sequence: octets.uint16(at: 6))
    case 11: return .timeExceeded(code: code)
    case 12: return .parameterProblem(code: code, pointer: octets[4])
    default: return .other(type: octets[0], code: code)
    }
  }

  /// What follows the 8 octets: the echoed octets, or the quoted datagram.
  @inlinable public var payload: Span<UInt8> {
    @_lifetime(copy self) get { octets.extracting(droppingFirst: 8) }
  }

  /// Whether the message sums to zero, checksum included.
  @inlinable public var checksumIsRight: Bool {
    var sum = InternetChecksum()
    sum.add(octets)
    return sum.value == 0
  }
}

/// The header of an ICMP message that we send.
public struct ICMPv4Header: Hashable, Sendable {
  /// Octets of the header.
  public static let length = 8
  /// What the message says.
  public var kind: ICMPv4Kind

  /// A header that says this.
  @inlinable public init(_ kind: ICMPv4Kind) { self.kind = kind }

  /// Type, code and the four octets behind the checksum.
  private var fields: (type: UInt8, code: UInt8, rest: UInt32) {
    switch kind {
    case .echoReply(let identifier, let sequence):
      (0, 0, UInt32(identifier) << 16 | UInt32(sequence))
    case .unreachable(let code, let mtu): (3, code, UInt32(mtu))
    case .sourceQuench: (4, 0, 0)
    case .redirect(let code, let gateway): (5, code, gateway.rawValue)
    case .echo(let identifier, let sequence):
      (8, 0, UInt32(identifier) << 16 | UInt32(sequence))
    case .timeExceeded(let code): (11, code, 0)
    case .parameterProblem(let code, let pointer): (12, code, UInt32(pointer) << 24)
    case .other(let type, let code): (type, code, 0)
    }
  }

  /// Appends the 8 octets with the checksum of header and payload; the payload itself is not.
  public func emit(into output: inout OutputSpan<UInt8>, payload: Span<UInt8>) {
    let (type, code, rest) = fields
    var sum = InternetChecksum()
    sum.add(word: UInt16(type) << 8 | UInt16(code))
    sum.add(long: rest)
    sum.add(payload)
    output.append(type)
    output.append(code)
    output.append(bigEndian: sum.value)
    output.append(bigEndian: rest)
  }
}
