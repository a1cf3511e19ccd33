import Octets
import Wire

/// Puts what the peer has sent before our stack: numbers that count from the captured end's initial
/// sequence number and clock count from ours.
struct PeerFrame {
  /// Our address, whatever the captured one was: it may be one that no host has.
  static let ours = IPv4Address(192, 0, 2, 1)
  /// The peer's.
  static let peers = IPv4Address(192, 0, 2, 2)

  let captured: CapturedSegment
  /// SEG.SEQ, as the peer has sent it.
  var sequence: UInt32
  /// SEG.ACK for us.
  var acknowledgment: UInt32
  /// What our numbers are more than the captured end's.
  var shift: UInt32
  /// What TSecr is for us; nil without timestamps.
  var echo: UInt32?
  var flags: TCPFlags
  var payload: Int
  var ourPort: Port
  var peerPort: Port

  /// Octets of payload in one packet at most.
  static let longest = 65_000

  /// The packet, its sums right, but for one that came wrong.
  func packet() -> [UInt8] {
    let options = shiftedOptions()
    let length = 20 + options.count + payload
    var ip = IPv4Header(
      payloadLength: length, transport: .tcp, source: Self.peers, destination: Self.ours)
    ip.ecn = captured.segment.codepoint
    ip.dscp = captured.dscp
    ip.dontFragment = captured.dontFragment
    var octets = [UInt8](capacity: 20 + length) { (output: inout OutputSpan<UInt8>) in
      ip.emit(into: &output)
      let ports = UInt32(peerPort.rawValue) << 16 | UInt32(ourPort.rawValue)
      output.append(bigEndian: ports)
      output.append(bigEndian: sequence)
      output.append(bigEndian: acknowledgment)
      let offset = UInt16(truncatingIfNeeded: (20 + options.count) << 10)
      output.append(bigEndian: offset | flags.rawValue)
      output.append(bigEndian: captured.window)
      output.append(bigEndian: 0 as UInt16)
      output.append(bigEndian: captured.urgentPointer)
      output.append(copying: options.span)
      // What is said does not matter to TCP.
      output.append(zeros: payload)
    }
    var sum = PseudoHeader.sum(
      source: Self.peers, destination: Self.ours, transport: .tcp, length: length)
    sum.add(octets.span.extracting(droppingFirst: 20))
    let value = captured.hasWrongChecksum ? ~sum.value : sum.value
    var span = octets.mutableSpan
    span.setUInt16(value, at: 20 + TCPHeader.checksumOffset)
    return octets
  }

  /// The options as captured, but that echo and SACK blocks speak of our numbers.
  private func shiftedOptions() -> [UInt8] {
    var octets = captured.options
    var place = 0
    while place + 1 < octets.count, octets[place] != 0 {
      if octets[place] == 1 {
        place += 1
        continue
      }
      let length = Int(octets[place + 1])
      guard length >= 2, place + length <= octets.count else { break }
      if octets[place] == 8, length == 10, let echo {
        var span = octets.mutableSpan
        span.setUInt32(echo, at: place + 6)
      } else if octets[place] == 5 {
        for edge in stride(from: place + 2, through: place + length - 4, by: 4) {
          let number = octets.span.uint32(at: edge) &+ shift
          var span = octets.mutableSpan
          span.setUInt32(number, at: edge)
        }
      }
      place += length
    }
    return octets
  }
}
