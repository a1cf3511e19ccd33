import Octets

/// What a sender does with a CR or LF that stands alone in a message of its own.
public enum LineEndRepair: Hashable, Sendable {
  /// Each becomes CR LF.
  case canonicalize
  /// The message is not sent.
  case refuse
}

/// A CR or LF stands alone in a message that must not be repaired.
public struct BareLineEndError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The offset in the message.
  public let offset: Int

  /// A sentence for people.
  public var description: String {
    "octet \(offset) of the message is a CR or LF alone; lines end with CR LF"
  }
}

/// Makes a message fit to follow DATA: doubles each dot at the start of a line, and at the end
/// adds the line with only a dot. Source: RFC 5321 4.5.2, 2.3.8.
///
/// The result does not depend on how the message is cut into pieces; no CR or LF ever leaves it
/// alone, so nothing can be smuggled through it.
public struct DotStuffer: Sendable {
  private let repair: LineEndRepair
  private var isAtLineStart = true
  private var sawCarriageReturn = false
  private var offset = 0

  /// A stuffer at the start of a message.
  public init(repair: LineEndRepair = .canonicalize) { self.repair = repair }

  /// Appends the next octets of the message to what is sent.
  public mutating func append(
    _ octets: Span<UInt8>, to output: inout [UInt8]
  ) throws(BareLineEndError) {
    output.reserveCapacity(output.count + octets.count + octets.count / 16)
    for index in octets.indices {
      let octet = octets[index]
      if sawCarriageReturn {
        sawCarriageReturn = false
        if octet != Octet.lineFeed { try bare(at: offset &+ index &- 1) }
        endLine(&output)
        if octet == Octet.lineFeed { continue }
      }
      switch octet {
      case Octet.carriageReturn:
        sawCarriageReturn = true
      case Octet.lineFeed:
        try bare(at: offset &+ index)
        endLine(&output)
      default:
        if isAtLineStart, octet == Octet.dot { output.append(Octet.dot) }
        isAtLineStart = false
        output.append(octet)
      }
    }
    offset &+= octets.count
  }

  /// Ends the last line if it has no end, and the message.
  public mutating func finish(to output: inout [UInt8]) throws(BareLineEndError) {
    if sawCarriageReturn {
      try bare(at: offset - 1)
      endLine(&output)
    }
    if !isAtLineStart { endLine(&output) }
    output += [Octet.dot, Octet.carriageReturn, Octet.lineFeed]
    self = DotStuffer(repair: repair)
  }

  private mutating func endLine(_ output: inout [UInt8]) {
    output.append(Octet.carriageReturn)
    output.append(Octet.lineFeed)
    isAtLineStart = true
    sawCarriageReturn = false
  }

  private func bare(at offset: Int) throws(BareLineEndError) {
    if repair == .refuse { throw BareLineEndError(offset: offset) }
  }
}
