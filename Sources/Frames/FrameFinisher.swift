public import Octets
public import Wire

/// Does in software what a device with offload does: finishes checksums, cuts super-packets.
public enum FrameFinisher {
  /// Gives `body` each frame that would go over a wire for this one, all checksums right.
  ///
  /// A frame that is not what its facts say is given as it is.
  /// Source: Virtual I/O Device version 1.2, section 5.1.6.2; RFC 1624 for the sums.
  public static func finish(
    _ frame: Span<UInt8>, facts: OffloadFacts, link: LinkType, _ body: (Span<UInt8>) -> Void
  ) {
    if facts.segmentSize > 0, let layout = Layout(frame, link: link),
      frame.count > layout.payload &+ Int(facts.segmentSize)
    {
      return segment(frame, layout, size: Int(facts.segmentSize), body)
    }
    guard case .partial(let start, let offset) = facts.checksum else { return body(frame) }
    let field = Int(start) &+ Int(offset)
    guard Int(start) < frame.count, field &+ 2 <= frame.count else { return body(frame) }
    var sum = InternetChecksum()
    sum.add(frame.extracting(droppingFirst: Int(start)))
    var copy = [UInt8](copying: frame)
    // UDP writes a sum of zero as all ones (RFC 768); for TCP both mean the same.
    let value = sum.value == 0 ? 0xFFFF : sum.value
    copy[field] = UInt8(truncatingIfNeeded: value >> 8)
    copy[field &+ 1] = UInt8(truncatingIfNeeded: value)
    body(copy.span)
  }

  /// Where the parts of a TCP segment in an IPv4 packet begin.
  private struct Layout {
    var network: Int
    var transport: Int
    var payload: Int
    var end: Int

    init?(_ frame: Span<UInt8>, link: LinkType) {
      network = 0
      if link == .ethernet {
        guard let view = try? EthernetFrameView(parsing: frame), view.type == .ipv4 else {
          return nil
        }
        network = view.headerLength
      }
      guard frame.count >= network &+ 40, frame[network] >> 4 == 4, frame[network &+ 9] == 6 else {
        return nil
      }
      transport = network &+ Int(frame[network] & 15) &* 4
      guard transport >= network &+ 20, transport &+ 20 <= frame.count else { return nil }
      payload = transport &+ Int(frame[transport &+ 12] >> 4) &* 4
      guard payload >= transport &+ 20, payload <= frame.count else { return nil }
      end = frame.count
    }
  }

  private static func segment(
    _ frame: Span<UInt8>, _ layout: Layout, size: Int, _ body: (Span<UInt8>) -> Void
  ) {
    let identification = frame.uint16(at: layout.network &+ 4)
    let sequence = frame.uint32(at: layout.transport &+ 4)
    let flags = frame[layout.transport &+ 13]
    let headers = frame.extracting(first: layout.payload)
    var offset = layout.payload
    var index = 0
    while offset < layout.end {
      let length = min(size, layout.end &- offset)
      let isLast = offset &+ length == layout.end
      var copy = [UInt8](capacity: layout.payload &+ length) { output in
        output.append(copying: headers)
        output.append(copying: frame.extracting(offset..<(offset &+ length)))
      }
      let total = copy.count
      var octets = copy.mutableSpan
      octets.setUInt16(
        UInt16(truncatingIfNeeded: total &- layout.network), at: layout.network &+ 2)
      octets.setUInt16(
        identification &+ UInt16(truncatingIfNeeded: index), at: layout.network &+ 4)
      octets.setUInt32(
        sequence &+ UInt32(truncatingIfNeeded: offset &- layout.payload),
        at: layout.transport &+ 4)
      // FIN and PSH belong to the last segment, CWR to the first (RFC 3168).
      octets[layout.transport &+ 13] = flags & (isLast ? 0xFF : ~0x09) & (index == 0 ? 0xFF : 0x7F)
      seal(&copy, layout)
      body(copy.span)
      offset &+= length
      index &+= 1
    }
  }

  /// Computes both checksums of a TCP segment anew.
  private static func seal(_ copy: inout [UInt8], _ layout: Layout) {
    store(0, &copy, at: layout.network &+ 10)
    store(0, &copy, at: layout.transport &+ 16)
    var header = InternetChecksum()
    header.add(copy.span.extracting(layout.network..<layout.transport))
    var sum = InternetChecksum()
    sum.add(copy.span.extracting((layout.network &+ 12)..<(layout.network &+ 20)))
    sum.add(word: 6)
    sum.add(word: UInt16(truncatingIfNeeded: copy.count &- layout.transport))
    sum.add(copy.span.extracting(droppingFirst: layout.transport))
    store(header.value, &copy, at: layout.network &+ 10)
    store(sum.value, &copy, at: layout.transport &+ 16)
  }

  private static func store(_ value: UInt16, _ copy: inout [UInt8], at offset: Int) {
    copy[offset] = UInt8(truncatingIfNeeded: value >> 8)
    copy[offset &+ 1] = UInt8(truncatingIfNeeded: value)
  }
}
