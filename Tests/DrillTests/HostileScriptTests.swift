import Octets
import Testing

@testable import Drill

@Suite("texts that are no scripts")
struct HostileScriptTests {
  @Test("a script with octets altered, dropped or doubled is read or refused", arguments: 1...20)
  func alteredOctets(seed: Int) throws {
    var random = RandomSource.seeded(UInt64(seed))
    let names = OwnScripts.names
    for _ in 0..<100 {
      let name = names[Int.random(in: 0..<names.count, using: &random)]
      var text = try OwnScripts.text(of: name)
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        let place = Int.random(in: 0..<text.count, using: &random)
        switch Int.random(in: 0..<4, using: &random) {
        case 0: text[place] = UInt8.random(in: 0...255, using: &random)
        case 1: text.remove(at: place)
        case 2: text.insert(text[place], at: place)
        default:
          text[place] =
            Array("0123456789.<>[]{}()`\"%-+*~:,#/".utf8).randomElement(using: &random) ?? 0
        }
      }
      guard let script = try? Script(parsing: text, file: name) else { continue }
      // Whatever it says now, the run ends, and says what it came to.
      #expect(!script.run().line.isEmpty)
    }
  }

  @Test(
    "brackets inside one another are bounded",
    arguments: ["[", "{", "f(", "{a="])
  func depth(opening: String) {
    let text = "0 listen(3, " + String(repeating: opening, count: 100_000)
    let error = #expect(throws: ScriptError.self) {
      _ = try Script(parsing: Array(text.utf8), file: "x.pkt")
    }
    #expect(error?.expected == "less than 64 brackets inside one another")
  }

  @Test("so are parentheses in code", arguments: ["(", "-", "not ", "f("])
  func codeDepth(opening: String) {
    var evaluator = CodeEvaluator()
    let outcome = evaluator.run(
      "assert " + String(repeating: opening, count: 100_000), snapshot: [:])
    guard case .unsupported = outcome else { return #expect(Bool(false), "\(outcome)") }
  }

  @Test(
    "numbers without measure are refused or survived",
    arguments: [
      "99999999999999999999 close(3) = 0", "0 close(99999999999999999999) = 0",
      "0 close(-9223372036854775808) = 0", "0 listen(9223372036854775807, 9223372036854775807) = 0",
      "0 read(3, ..., 9223372036854775807) = 0", "0 write(3, ..., -5) = 0",
      "0 setsockopt(3, 9223372036854775807, -9223372036854775808, [9223372036854775807], 4) = 0",
      "0 poll([{fd=9223372036854775807, events=9223372036854775807}], 1, -9223372036854775808) = 0",
      "0 socket(..., SOCK_STREAM, 0) = 3 +0 %{ assert 9223372036854775807 * 9223372036854775807 }%",
      "0 socket(..., SOCK_STREAM, 0) = 3 +0 %{ assert (0 - 9223372036854775807 - 1) // (0 - 1) }%",
      "0 `sleep 1e300`",
      "0...999999999 connect(3, ..., ...) = 0", "999999999 close(3) = 0",
      "0 getsockopt(3, 1, 1, [1], [9223372036854775807]) = 0",
      "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 9223372036854775807",
    ])
  func numbers(text: String) {
    guard let script = try? Script(parsing: Array(text.utf8), file: "x.pkt") else { return }
    #expect(!script.run().line.isEmpty)
  }
}
