package import Wire

/// Cuts a datagram into packets that fit. Source: RFC 791 section 3.2.
///
/// It only says where: whoever sends lays the header before the octets of each range. Our packets
/// carry no options, so none have to be copied or left out.
package struct IPv4Fragmenter {
  private var header: IPv4Header
  private let count: Int
  private let step: Int
  private var offset = 0
  private var isDone = false

  /// The packets of a datagram.
  ///
  /// - Parameters:
  ///   - header: of the whole datagram; lengths and offsets in it are set for each packet.
  ///   - count: octets of the datagram's payload.
  ///   - mtu: octets of the largest packet; less than 28 counts as 28, the least that advances.
  package init(_ header: IPv4Header, payloadCount count: Int, mtu: Int) {
    self.header = header
    self.count = count
    let room = max(mtu - IPv4Header.length, 8)
    // RFC 791 2.3: every fragment but the last carries a multiple of eight octets.
    step = count <= room ? max(count, 1) : room & ~7
  }

  /// How many packets there are, those that were taken included.
  package var packetCount: Int { max(1, (count + step - 1) / step) }

  /// The next packet: its header, and the part of the payload that it carries.
  package mutating func next() -> (header: IPv4Header, range: Range<Int>)? {
    guard !isDone else { return nil }
    let end = min(offset + step, count)
    header.fragmentOffset = offset
    header.payloadLength = end - offset
    header.moreFragments = end < count
    let range = offset..<end
    offset = end
    isDone = end >= count
    return (header, range)
  }
}
