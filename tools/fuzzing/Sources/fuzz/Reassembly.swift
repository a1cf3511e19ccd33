@testable import NetworkCore
import Octets
import Wire

/// The octet at a place of a datagram: each octet shows where it belongs, and to whom.
private func pattern(_ place: Int, _ key: Int) -> UInt8 {
  UInt8(truncatingIfNeeded: place &* 31 &+ place >> 8 &+ key &* 101)
}

/// The input is a row of fragments of a few datagrams and of steps in time. A datagram that comes out
/// whole must be what its fragments were cut from, and memory must stay within its bounds.
func fuzzReassembler(_ input: [UInt8]) {
  var choices = Choices(input)
  var limits = IPv4Reassembler.Limits()
  limits.datagrams = 6
  limits.share = 2
  limits.octets = 64 * 1024
  limits.fragments = 12
  var reassembler = IPv4Reassembler(limits: limits)
  var now = Instant.start
  while !choices.isEmpty {
    let choice = choices.octet()
    if choice >= 0xF0 {
      now = now.advanced(byNanoseconds: Int64(choice & 15) * 3_000_000_000)
      for quote in reassembler.deadlinePassed(at: now) {
        // Without the first fragment there is nothing to quote.
        guard !quote.isEmpty else { continue }
        mustHold((try? IPv4PacketView(quoted: quote.span)) != nil, "a quote that is no packet")
      }
      if let deadline = reassembler.nextDeadline {
        mustHold(deadline > now, "a deadline was left behind")
      }
      continue
    }
    let key = Int(choice & 7)
    let start = (choice & 8 == 0 ? Int(choices.octet()) : Int(choices.number() & 0x1FFF)) * 8
    let count = choice & 16 == 0 ? choices.below(32) * 8 : Int(choices.number() & 0x7FF)
    arrive(
      fragment(key, start, count, isMore: choice & 32 == 0), key: key, at: now, &reassembler)
    mustHold(reassembler.heldOctets <= limits.octets, "more octets held than allowed")
    mustHold(reassembler.count <= limits.datagrams, "more datagrams held than allowed")
    _ = reassembler.takeEvicted()
  }
  _ = reassembler.deadlinePassed(at: now.advanced(byNanoseconds: 1_000_000_000_000))
  mustHold(reassembler.heldOctets == 0 && reassembler.count == 0, "something is held for ever")
  mustHold(reassembler.nextDeadline == nil, "a deadline without a reason")
}

private func fragment(_ key: Int, _ start: Int, _ count: Int, isMore: Bool) -> [UInt8] {
  var header = IPv4Header(
    payloadLength: count, transport: key & 1 == 0 ? .udp : .icmp,
    source: IPv4Address(192, 0, 2, key & 2 == 0 ? 9 : 10), destination: IPv4Address(192, 0, 2, 1))
  header.identification = UInt16(key >> 2)
  header.fragmentOffset = start
  header.moreFragments = isMore
  return [UInt8](capacity: 20 + count) { output in
    header.emit(into: &output)
    for place in start..<(start + count) { output.append(pattern(place, key)) }
  }
}

private func arrive(
  _ octets: [UInt8], key: Int, at now: Instant, _ reassembler: inout IPv4Reassembler
) {
  guard let packet = try? IPv4PacketView(parsing: octets.span), packet.isFragment else { return }
  guard case .whole(let payload) = reassembler.fragmentArrived(packet, at: now) else { return }
  for place in payload.indices {
    mustHold(payload[place] == pattern(place, key), "octet \(place) of a datagram is another's")
  }
  let quote = reassembler.wholeQuote
  guard let whole = try? IPv4PacketView(quoted: quote.span) else {
    return mustHold(false, "the quote of a whole datagram is no packet")
  }
  mustHold(!whole.isFragment && whole.headerChecksumIsRight, "a whole datagram's header is wrong")
}
