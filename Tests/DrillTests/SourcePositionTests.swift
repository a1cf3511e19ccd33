import Drill
import Testing

@Suite("positions in a script")
struct SourcePositionTests {
  @Test("a position reads as FILE:LINE")
  func reading() {
    #expect("\(SourcePosition(file: "a.pkt", line: 7))" == "a.pkt:7")
  }
}
