import Octets
public import Simulation
import Wire

/// Ways to change a packet on its way, from the crude to the cunning.
public enum Alteration: String, CaseIterable, Hashable, Sendable {
  /// The last bit of the packet is turned over; the checksum no longer fits.
  case brokenBit
  /// The window becomes 0, and the checksum fits.
  case closedWindow
  /// RST is set, and the checksum fits: a forged reset.
  case forgedReset
  /// The sequence number grows by 100, and the checksum fits.
  case laterNumber

  /// A few words for people.
  public var sentence: String {
    switch self {
    case .brokenBit: "one bit turned over, checksum wrong"
    case .closedWindow: "window 0, checksum right"
    case .forgedReset: "RST set, checksum right"
    case .laterNumber: "sequence number 100 higher, checksum right"
    }
  }

  /// What to do to a packet; nil for what is no IPv4 packet with a TCP segment.
  public func intervention(on octets: [UInt8]) -> FrameIntervention? {
    guard let packet = try? IPv4PacketView(parsing: octets.span), packet.transport == .tcp,
      packet.payload.count >= 20
    else { return nil }
    let start = packet.octets.count - packet.payload.count
    var changed = octets
    switch self {
    case .brokenBit:
      changed[changed.count - 1] ^= 1
      return .alter(changed)
    case .closedWindow:
      changed[start + 14] = 0
      changed[start + 15] = 0
    case .forgedReset:
      changed[start + 13] |= UInt8(truncatingIfNeeded: TCPFlags.rst.rawValue)
    case .laterNumber:
      let number = packet.payload.uint32(at: 4) &+ 100
      for place in 0..<4 {
        changed[start + 4 + place] = UInt8(truncatingIfNeeded: number >> UInt32(24 - 8 * place))
      }
    }
    return .alter(Self.repairingChecksum(changed, segmentAt: start))
  }

  /// The packet with the checksum that its segment must have. RFC 9293 section 3.1.
  static func repairingChecksum(_ octets: [UInt8], segmentAt start: Int) -> [UInt8] {
    var changed = octets
    changed[start + 16] = 0
    changed[start + 17] = 0
    guard let value = segmentChecksum(changed, segmentAt: start) else { return octets }
    changed[start + 16] = UInt8(value >> 8)
    changed[start + 17] = UInt8(value & 255)
    return changed
  }

  /// What belongs into the checksum field of a segment in which it is 0.
  static func segmentChecksum(_ octets: [UInt8], segmentAt start: Int) -> UInt16? {
    guard let packet = try? IPv4PacketView(parsing: octets.span) else { return nil }
    var sum = PseudoHeader.sum(
      source: packet.source, destination: packet.destination, transport: .tcp,
      length: octets.count - start)
    sum.add(octets.span.extracting(droppingFirst: start))
    return sum.value
  }
}
