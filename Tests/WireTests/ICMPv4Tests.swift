import Octets
import Testing
import Wire

@Suite("ICMP")
struct ICMPv4Tests {
  static let kinds: [ICMPv4Kind] = [
    .echo(identifier: 0, sequence: 0xFFFF), .echoReply(identifier: 0x1234, sequence: 1),
    .unreachable(code: 0, nextHopMTU: 0), .unreachable(code: 4, nextHopMTU: 1400),
    .unreachable(code: 4, nextHopMTU: 0), .unreachable(code: 255, nextHopMTU: 0), .sourceQuench,
    .redirect(code: 1, gateway: ours), .timeExceeded(code: 0), .timeExceeded(code: 1),
    .parameterProblem(code: 0, pointer: 255), .other(type: 13, code: 7),
  ]

  @Test("a message that is emitted is read as the same value, its checksum right", arguments: kinds)
  func roundTrip(_ kind: ICMPv4Kind) throws {
    for count in [0, 1, 7, 28, 1000] {
      let payload = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      let octets = emitted(capacity: 8 + count) { output in
        ICMPv4Header(kind).emit(into: &output, payload: payload.span)
        output.append(copying: payload.span)
      }
      let view = try ICMPv4MessageView(parsing: octets.span)
      #expect(view.kind == kind)
      #expect(view.checksumIsRight == true)
      #expect([UInt8](copying: view.payload) == payload)
    }
  }

  @Test("only messages that quote a datagram are errors", arguments: kinds)
  func errors(_ kind: ICMPv4Kind) {
    switch kind {
    case .echo, .echoReply, .other: #expect(!kind.isError)
    case .unreachable, .sourceQuench, .redirect, .timeExceeded, .parameterProblem:
      #expect(kind.isError)
    }
  }

  @Test("a checksum that others computed is right, and wrong after any change of one bit")
  func checksum() throws {
    let message = Array(Known.echo.dropFirst(20))
    #expect(try ICMPv4MessageView(parsing: message.span).checksumIsRight == true)
    for bit in 0..<message.count * 8 {
      var changed = message
      changed[bit / 8] ^= 1 << (bit % 8)
      #expect(try !ICMPv4MessageView(parsing: changed.span).checksumIsRight, "bit \(bit)")
    }
  }

  @Test("a next-hop MTU counts with code 4 only")
  func mtu() throws {
    var message = Array(Sample.icmp(.unreachable(code: 4, nextHopMTU: 900)).dropFirst(20))
    message[1] = 3
    let view = try ICMPv4MessageView(parsing: message.span)
    #expect(view.kind == .unreachable(code: 3, nextHopMTU: 0))
  }

  @Test("a message cut off within its header is refused")
  func cutOff() {
    let message = Array(Known.echo.dropFirst(20))
    for length in 0..<8 {
      #expect(throws: ParseError.truncated(needed: 8, available: length)) {
        _ = try ICMPv4MessageView(parsing: message.span.extracting(first: length))
      }
    }
  }
}
