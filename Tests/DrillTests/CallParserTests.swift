import Testing

@testable import Drill

@Suite("system calls of a script")
struct CallParserTests {
  func call(_ line: String) throws -> CallSyntax? {
    guard case .call(let call) = try parseEvent(line).action else { return nil }
    return call
  }

  @Test(
    "values",
    arguments: [
      ("...", .ellipsis), ("5", .integer(5)), ("-1", .integer(-1)), ("0x10", .hexadecimal(16)),
      ("AF_INET", .word("AF_INET")), ("\"a\" \"b\\n\\x41\"", .string("ab\nA")),
      ("O_RDWR | O_NONBLOCK|1", .union([.word("O_RDWR"), .word("O_NONBLOCK"), .integer(1)])),
      ("[1, X]", .list([.integer(1), .word("X")])), ("[]", .list([])),
      (
        "{onoff=1, linger=5}",
        .structure([
          .init(name: "onoff", value: .integer(1)), .init(name: "linger", value: .integer(5)),
        ])
      ),
      (
        "{..., 1000}",
        .structure([.init(value: .ellipsis), .init(value: .integer(1000))])
      ),
      (
        "{msg_name(...)=..., msg_iov(1)=[{...,2}], msg_flags=0}",
        .structure([
          .init(name: "msg_name", argument: .ellipsis, value: .ellipsis),
          .init(
            name: "msg_iov", argument: .integer(1),
            value: .list([.structure([.init(value: .ellipsis), .init(value: .integer(2))])])),
          .init(name: "msg_flags", value: .integer(0)),
        ])
      ),
      (
        "{sa_family = AF_INET, sin_port = htons(80), sin_addr = inet_addr(\"192.0.2.1\")}",
        .structure([
          .init(name: "sa_family", value: .word("AF_INET")),
          .init(name: "sin_port", value: .function("htons", [.integer(80)])),
          .init(name: "sin_addr", value: .function("inet_addr", [.string("192.0.2.1")])),
        ])
      ),
      ("[A=1, B=2]", .list([.named("A", .integer(1)), .named("B", .integer(2))])),
    ] as [(String, Expression)])
  func values(text: String, value: Expression) throws {
    #expect(try call("+0 listen(3, \(text)) = 0")?.arguments.last == value)
  }

  @Test("results, errors and notes")
  func results() throws {
    #expect(try call("+0 fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)")?.result == 2)
    let failing = try call("+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation (now) in progress)")
    #expect(failing?.result == -1)
    #expect(failing?.failure == "EINPROGRESS")
    #expect(try call("+0 close(3) = ...")?.result == .some(nil))
  }

  @Test("a call that blocks has an end")
  func blocking() throws {
    let event = try parseEvent("+.1...0.300 read(4, ..., 1000) = 1000")
    #expect(event.time == .relative(100_000))
    guard case .call(let call) = event.action else { return #expect(Bool(false)) }
    #expect(call.end == 300_000)
  }

  @Test(
    "a malformed call is refused with what was expected",
    arguments: [
      ("+0 close(3)", "'=', found the end of the script"),
      ("+0 close(3) = x", "the result of the call, as a number, found 'x'"),
      ("+0 close(3, 4) = 0", "1 argument for close, found 2"),
      ("+0 fcntl(3) = 0", "2 to 3 arguments for fcntl, found 1"),
      ("+0 close(3 = 0", "')', found '='"),
      ("+0 listen(3, [1) = 0", "']', found ')'"),
      ("+0 listen(3, {a=1) = 0", "'}', found ')'"),
      ("+0 listen(3, ) = 0", "a value: a number, a name, a string, '...', '[' or '{', found ')'"),
      (
        "+0 listen(3, \"\\q\") = 0",
        "one of \\\\ \\\" \\f \\n \\r \\t \\v \\xHH behind a backslash, found \"\\q\""
      ),
      ("+0...x listen(3, 1) = 0", "a time in seconds, found 'x'"),
      (
        "+0 close(3) = -1 EINVAL (never closed",
        "a closing ')' for the note of line 2, found the end of the script"
      ),
    ])
  func malformed(line: String, message: String) {
    let error = #expect(throws: ScriptError.self) { _ = try parseEvent(line) }
    #expect(error?.description == "x.pkt:2: expected " + message)
  }
}
