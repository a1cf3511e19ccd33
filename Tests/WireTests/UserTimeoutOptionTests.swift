import Octets
import Testing
import Wire

@Suite("The user time-out in an option (RFC 5482)")
struct UserTimeoutOptionTests {
  @Test(
    "seconds, and minutes rounded up where seconds do not suffice",
    arguments: [
      (1, 1 as UInt16, 1), (32_767, 0x7FFF, 32_767), (32_768, 0x8000 | 547, 32_820),
      (60_000, 0x83E8, 60_000), (.max, 0xFFFF, 1_966_020), (0, 1, 1), (-5, 1, 1),
    ])
  func encoding(seconds: Int, octets: UInt16, read: Int) throws {
    var options = TCPOptions()
    options.userTimeout = UserTimeoutOption(seconds: seconds)
    let emitted = emitted { options.emit(into: &$0) }
    #expect(emitted == [28, 4, UInt8(octets >> 8), UInt8(octets & 255)])
    #expect(options.length == 4)
    #expect(TCPOptions(parsing: emitted.span) == options)
    #expect(options.userTimeout?.seconds == read)
  }

  @Test("zero says nothing, and another length is malformed")
  func reserved() {
    #expect(UserTimeoutOption(rawValue: 0).seconds == nil)
    #expect(UserTimeoutOption(rawValue: 0x8000).seconds == nil)
    for wrong in [[28, 3, 1], [28, 2], [28, 6, 1, 1, 1, 1]] as [[UInt8]] {
      let options = TCPOptions(parsing: wrong.span)
      #expect(options.userTimeout == nil && options.isMalformed)
    }
  }
}
