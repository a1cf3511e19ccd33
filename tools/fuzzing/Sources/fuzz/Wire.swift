import Octets
import Wire

/// The first octet chooses the link type, the rest is the frame.
func fuzzWire(_ input: [UInt8]) {
  let links: [LinkType] = [
    .rawIP, .ethernet, .null, .loop, .linuxCooked, .linuxCooked2, .ipv4, LinkType(rawValue: 9),
  ]
  var choices = Choices(input)
  let link = links[choices.below(links.count)]
  let octets = choices.rest()
  let line = PacketDescription.line(for: octets.span, link: link)
  mustHold(!line.isEmpty && line.utf8.allSatisfy { (32...126).contains($0) }, line)
  readEverything(octets.span)
  if let frame = try? EthernetFrameView(parsing: octets.span) {
    mustHold(frame.headerLength + frame.payload.count == octets.count, "octets of a frame lost")
    readEverything(frame.payload)
  }
}

private func readEverything(_ octets: Span<UInt8>) {
  if let packet = try? ARPPacket(parsing: octets) {
    let copy = [UInt8](capacity: 28) { packet.emit(into: &$0) }
    mustHold(copy.span.elementsEqual(octets.extracting(first: 28)), "ARP changed on the way")
  }
  if let packet = try? IPv4PacketView(parsing: octets) {
    mustHold(packet.octets.count <= octets.count, "a packet grew")
    readPacket(packet)
  }
  if let packet = try? IPv4PacketView(quoted: octets) { readPacket(packet) }
  readTransports(octets)
}

private func readPacket(_ packet: borrowing IPv4PacketView) {
  _ = packet.headerChecksumIsRight
  let summary = IPv4OptionsSummary(parsing: packet.options)
  mustHold((summary.malformedAt ?? 0) < packet.headerLength, "an option outside the header")
  let header = IPv4Header(packet)
  let copy = [UInt8](capacity: 20) { header.emit(into: &$0) }
  guard let view = try? IPv4PacketView(quoted: copy.span) else {
    return mustHold(false, "an emitted header cannot be read")
  }
  mustHold(view.headerChecksumIsRight, "an emitted header has a wrong checksum")
  var again = IPv4Header(view)
  again.payloadLength = header.payloadLength
  mustHold(again == header, "an IPv4 header changed on the way")
  readTransports(packet.payload)
}

private func readTransports(_ octets: Span<UInt8>) {
  let (here, there) = (IPv4Address(192, 0, 2, 1), IPv4Address(192, 0, 2, 9))
  if let message = try? ICMPv4MessageView(parsing: octets) {
    let kind = message.kind
    _ = message.checksumIsRight
    let copy = [UInt8](capacity: octets.count) { output in
      ICMPv4Header(kind).emit(into: &output, payload: message.payload)
      output.append(copying: message.payload)
    }
    guard let again = try? ICMPv4MessageView(parsing: copy.span) else {
      return mustHold(false, "an emitted message cannot be read")
    }
    mustHold(again.kind == kind && again.checksumIsRight, "an ICMP message changed on the way")
    if let quote = try? IPv4PacketView(quoted: message.payload) { _ = quote.payload.count }
  }
  if let datagram = try? UDPDatagramView(parsing: octets) {
    _ = datagram.checksumIsRight(source: here, destination: there)
    var header = UDPHeader(datagram)
    header.fillChecksum(source: here, destination: there, payload: datagram.payload)
    let copy = [UInt8](capacity: octets.count) { output in
      header.emit(into: &output)
      output.append(copying: datagram.payload)
    }
    guard let again = try? UDPDatagramView(parsing: copy.span) else {
      return mustHold(false, "an emitted datagram cannot be read")
    }
    mustHold(again.checksumIsRight(source: here, destination: there), "a UDP checksum is wrong")
    mustHold(UDPHeader(again) == header, "a UDP header changed on the way")
  }
  guard let segment = try? TCPSegmentView(parsing: octets) else { return }
  _ = segment.checksumIsRight(source: here, destination: there)
  mustHold(segment.headerLength + segment.payload.count == octets.count, "octets of TCP lost")
  var header = TCPHeader(segment)
  let copy = [UInt8](capacity: 60) { header.emit(into: &$0) }
  mustHold(copy.count == header.length, "a TCP header has another length than it says")
  guard let again = try? TCPSegmentView(parsing: copy.span) else {
    return mustHold(false, "an emitted segment cannot be read")
  }
  var read = TCPHeader(again)
  header.options.isMalformed = false
  // Blocks that do not fit beside the other options are left out.
  mustHold(read.options.sackBlocks.count <= header.options.sackBlocks.count, "blocks appeared")
  read.options.sackBlocks = header.options.sackBlocks
  mustHold(read == header, "a TCP header changed on the way")
}
