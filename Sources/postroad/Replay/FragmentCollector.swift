import Octets
import Wire

/// Puts the fragments of IPv4 datagrams together again, for reading captures.
///
/// Bounded: at most `maximumDatagrams` under way; the oldest is given up. A datagram with
/// fragments that contradict each other is given up too.
/// Source: RFC 791, section 3.2; RFC 5722's rule on overlaps, applied to IPv4.
struct FragmentCollector {
  /// What became of a packet handed in.
  enum Outcome: Equatable {
    /// The payload of the whole datagram, and how many fragments it came in.
    case whole([UInt8], fragments: Int)
    /// More fragments are needed.
    case waiting
    /// The fragments contradict each other, or exceed what a datagram can hold.
    case refused
  }

  private struct Key: Hashable {
    let source: IPv4Address
    let destination: IPv4Address
    let identification: UInt16
    let transport: IPProtocol
  }

  private struct Datagram {
    var pieces: [(offset: Int, octets: [UInt8])] = []
    var total: Int?
    var arrived = 0
  }

  /// How many datagrams may be incomplete at a time.
  static let maximumDatagrams = 64

  private var datagrams: [Key: Datagram] = [:]
  private var order: [Key] = []

  /// How many datagrams still miss a fragment.
  var incomplete: Int { datagrams.count }

  /// Hands in a fragment.
  mutating func add(_ packet: borrowing IPv4PacketView) -> Outcome {
    let key = Key(
      source: packet.source, destination: packet.destination,
      identification: packet.identification, transport: packet.transport)
    let offset = packet.fragmentOffset
    let octets = Array(copying: packet.payload)
    guard offset + octets.count <= 65_515 else {
      forget(key)
      return .refused
    }
    if datagrams[key] == nil {
      if order.count >= Self.maximumDatagrams { forget(order[0]) }
      order.append(key)
    }
    var datagram = datagrams[key] ?? Datagram()
    datagram.arrived += 1
    for piece in datagram.pieces
    where piece.offset < offset + octets.count && offset < piece.offset + piece.octets.count {
      // The same fragment twice is harmless; anything else that overlaps is an attack.
      if piece.offset == offset && piece.octets == octets { return .waiting }
      forget(key)
      return .refused
    }
    datagram.pieces.append((offset, octets))
    if !packet.moreFragments { datagram.total = offset + octets.count }
    datagrams[key] = datagram
    guard let total = datagram.total,
      datagram.pieces.reduce(0, { $0 + $1.octets.count }) == total
    else { return .waiting }
    forget(key)
    let whole = datagram.pieces.sorted { $0.offset < $1.offset }.flatMap(\.octets)
    return .whole(whole, fragments: datagram.arrived)
  }

  private mutating func forget(_ key: Key) {
    datagrams[key] = nil
    order.removeAll { $0 == key }
  }
}
