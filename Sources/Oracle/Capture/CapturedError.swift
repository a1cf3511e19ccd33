import Analysis
import Octets
package import Wire

/// An ICMP error about a segment that an end has sent.
package struct CapturedError: Sendable {
  /// Its frame in the capture, from 1.
  package let frame: Int
  /// Nanoseconds since the connection's first frame.
  package internal(set) var time: Int64
  /// What it says.
  package let kind: ICMPv4Kind
  /// SEG.SEQ of the segment that it quotes.
  package let sequence: UInt32
  /// Octets of the packet that it quotes, as that one's header says.
  let quotedLength: Int
  /// Who has sent the segment.
  let source: CapturedEnd

  /// Reads a frame; nil where it is no ICMP error about a TCP segment.
  init?(_ frame: Span<UInt8>, link: LinkType, number: Int, time: Int64) {
    guard let place = NetworkPacketPlace(in: frame, link: link), place.type == .ipv4,
      let packet = try? IPv4PacketView(quoted: frame.extracting(droppingFirst: place.offset)),
      packet.transport == .icmp, !packet.isFragment,
      let message = try? ICMPv4MessageView(parsing: packet.payload)
    else { return nil }
    switch message.kind {
    case .unreachable, .timeExceeded, .parameterProblem: break
    default: return nil
    }
    guard let quoted = try? IPv4PacketView(quoted: message.payload), quoted.transport == .tcp,
      quoted.fragmentOffset == 0, quoted.payload.count >= 8
    else { return nil }
    self.frame = number
    self.time = time
    kind = message.kind
    sequence = quoted.payload.uint32(at: 4)
    quotedLength = quoted.totalLength
    source = CapturedEnd(quoted.source, quoted.payload.uint16(at: 0))
  }
}

extension CapturedError {
  /// The packet that tells our stack of it.
  ///
  /// - Parameters:
  ///   - shift: what our numbers are more than the captured end's.
  func packet(shift: UInt32, ourPort: Port, peerPort: Port) -> [UInt8] {
    let ip = IPv4Header(
      payloadLength: max(quotedLength - 20, 8), transport: .tcp, source: PeerFrame.ours,
      destination: PeerFrame.peers)
    let quote = [UInt8](capacity: 28) { output in
      ip.emit(into: &output)
      output.append(bigEndian: UInt32(ourPort.rawValue) << 16 | UInt32(peerPort.rawValue))
      output.append(bigEndian: sequence &+ shift)
    }
    let length = ICMPv4Header.length + quote.count
    return [UInt8](capacity: 20 + length) { output in
      // Whichever router it was.
      IPv4Header(
        payloadLength: length, transport: .icmp, source: PeerFrame.peers,
        destination: PeerFrame.ours
      ).emit(into: &output)
      ICMPv4Header(kind).emit(into: &output, payload: quote.span)
      output.append(copying: quote.span)
    }
  }
}
