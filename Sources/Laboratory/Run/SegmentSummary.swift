public import Wire

/// A segment in a few words: relative numbers, as a ladder shows them.
public struct SegmentSummary: Hashable, Sendable {
  /// The control bits.
  public var flags: TCPFlags = []
  /// SEG.SEQ, counted from the sender's first.
  public var sequence = 0
  /// SEG.ACK, counted from the other's first; nil without ACK.
  public var acknowledgment: Int?
  /// Octets of payload.
  public var count = 0
  /// SEG.WND in octets, scaled where the handshake was seen.
  public var window = 0
  /// The MSS option.
  public var maximumSegmentSize: Int?
  /// Whether its numbers had gone out before.
  public var isRetransmission = false
  /// The client's port, which tells connections apart.
  public var clientPort: Port = 0
  /// What it says if it is no segment.
  public var text: String?

  /// `SYN,ACK seq 0 ack 1 len 20`.
  public var description: String { parts.joined(separator: " ") }

  /// The parts of the description, the most important first.
  package var parts: [String] {
    if let text { return [text] }
    var parts = [Self.names(flags), "seq \(sequence)"]
    if let acknowledgment { parts.append("ack \(acknowledgment)") }
    if count > 0 { parts.append("len \(count)") }
    if let maximumSegmentSize { parts.append("mss \(maximumSegmentSize)") }
    return parts
  }

  /// The control bits, in the order in which people name them.
  public static func names(_ flags: TCPFlags) -> String {
    let known: [(TCPFlags, String)] = [
      (.syn, "SYN"), (.fin, "FIN"), (.rst, "RST"), (.psh, "PSH"), (.urg, "URG"), (.ece, "ECE"),
      (.cwr, "CWR"), (.ae, "AE"), (.ack, "ACK"),
    ]
    let list = known.filter { flags.contains($0.0) }.map(\.1)
    return list.isEmpty ? "none" : list.joined(separator: ",")
  }
}

/// Reads the packets of a run in order and gives each its summary.
struct SegmentReader {
  private struct Side {
    var first: SequenceNumber
    var furthest: SequenceNumber
    var shift: UInt8 = 0
    var offersScale = false
  }

  private struct Key: Hashable {
    var port: Port
    var end: RunEnd
  }

  private var sides: [Key: Side] = [:]

  mutating func read(_ octets: [UInt8], from sender: RunEnd) -> SegmentSummary {
    var summary = SegmentSummary()
    guard let packet = try? IPv4PacketView(parsing: octets.span), packet.transport == .tcp,
      !packet.isFragment, let segment = try? TCPSegmentView(parsing: packet.payload)
    else {
      let line = PacketDescription.internet(octets.span)
      summary.text = line.split(separator: ": ").dropFirst().joined(separator: ": ")
      return summary
    }
    let port = sender == .client ? segment.sourcePort : segment.destinationPort
    let own = Key(port: port, end: sender)
    let other = sides[Key(port: port, end: sender.other)]
    let options = TCPOptions(parsing: segment.options)
    let flags = segment.flags
    let isNew =
      flags.contains(.syn) && sides[own].map { $0.first != segment.sequence } ?? true
    if sides[own] == nil || isNew {
      // A segment that begins nothing, such as a reset, is counted from its own number.
      sides[own] = Side(first: segment.sequence, furthest: segment.sequence)
    }
    if flags.contains(.syn), let shift = options.windowScale {
      sides[own]?.shift = shift
      sides[own]?.offersScale = true
    }
    guard var side = sides[own] else { return summary }
    summary.flags = flags
    summary.clientPort = port
    summary.sequence = side.first.distance(to: segment.sequence)
    if flags.contains(.ack) {
      summary.acknowledgment = other?.first.distance(to: segment.acknowledgment) ?? 0
    }
    summary.count = segment.payload.count
    let isScaled = !flags.contains(.syn) && side.offersScale && other?.offersScale == true
    summary.window = Int(segment.window) << (isScaled ? Int(min(side.shift, 14)) : 0)
    if flags.contains(.syn) {
      summary.maximumSegmentSize = options.maximumSegmentSize.map(Int.init)
    }
    let end = segment.sequence + segment.length
    if segment.length > 0 {
      summary.isRetransmission = end.precedesOrEquals(side.furthest)
      if end.follows(side.furthest) { side.furthest = end }
    }
    sides[own] = side
    return summary
  }
}
