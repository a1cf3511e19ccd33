import POSIXSockets
import Testing

@Suite("error numbers")
struct ErrnoTests {
  @Test("the numbers are Linux's")
  func numbers() {
    #expect(Errno.wouldBlock.rawValue == 11)
    #expect(Errno.badDescriptor.rawValue == 9)
  }
}
