import Testing

@testable import Drill

@Suite("code assertions")
struct CodeTests {
  let snapshot: [String: Int64] = ["tcpi_snd_cwnd": 10, "tcpi_rtt": 20_000, "tcpi_options": 7]

  func run(_ text: String) -> CodeEvaluator.Outcome {
    var evaluator = CodeEvaluator()
    return evaluator.run(text, snapshot: snapshot)
  }

  @Test(
    "assertions that hold",
    arguments: [
      "assert tcpi_snd_cwnd == 10, tcpi_snd_cwnd", "assert 1", "assert 5 < 10 <= 10 < 11",
      "assert tcpi_snd_cwnd == 5 * 2 and not 0", "assert 0 or 1", "assert (1 + 2) * 3 == 9",
      "assert 1 + 2 * 3 == 7", "assert 7 // 2 == 3 and -7 // 2 == -4 and -7 % 3 == 2",
      "assert 1 / 2 * 2 == 1 and 0 < 1 / 2 < 1", "assert (tcpi_options & TCPI_OPT_SACK) != 0",
      "assert tcpi_options & 8 == 0", "assert 0x10 == 16",
      "assert tcpi_rtt == 20000, 'rtt=%d' % tcpi_rtt",
      "assert tcpi_rtt == 20000, 'rtt=%d %d' % (tcpi_rtt, 1)  # note",
      "print(tcpi_rtt); assert tcpi_rtt == 20000", "a = 3\na += 4\nassert a == 7",
      "assert 1 == 1; \\\n  assert 2 == 2;\\\n", "assert 18000 <= tcpi_rtt \\\n <= 22000",
      "assert (1 ==\n 1)", "assert TCP_CA_Recovery == 3", "", "# nothing", "pass",
      "assert abs(0 - 5) == max(5, 4) == min(5, 6) == int(5)", "assert ~0 == -1",
      "assert 1 | 2 ^ 3 == 1",
      "assert 1 << 4 == 16",
    ])
  func holds(text: String) { #expect(run(text) == .holds) }

  @Test(
    "assertions that fail say what the numbers were",
    arguments: [
      ("assert tcpi_snd_cwnd == 11, tcpi_snd_cwnd", "tcpi_snd_cwnd == 11", "tcpi_snd_cwnd is 10"),
      ("assert 0", "0", ""),
      ("assert 5 < 5", "5 < 5", ""),
      ("x = 4; assert x == tcpi_rtt", "x == tcpi_rtt", "x is 4, tcpi_rtt is 20000"),
      (
        "assert (tcpi_options & TCPI_OPT_ECN) != 0", "(tcpi_options & TCPI_OPT_ECN) != 0",
        "tcpi_options is 7"
      ),
    ])
  func fails(text: String, assertion: String, because: String) {
    #expect(run(text) == .fails(assertion, because: because))
  }

  @Test(
    "what the evaluator does not know is unsupported, never passed",
    arguments: [
      ("assert tcpi_wonder == 1", "tcpi_wonder in code"),
      ("import os", "the statement 'import' in code"),
      ("for x in y: pass", "the statement 'for' in code"), ("assert len(x) == 1", "x in code"),
      ("assert 1 // 0 == 1", "division by zero in code"), ("assert 'a", "a string without an end"),
      ("assert 9223372036854775807 + 1 > 0", "a number above 64 bits in code"),
      ("assert 1 +", "'the end' in code"), ("assert 1 2", "'2' behind a statement in code"),
      ("assert ?", "'?' in code"), ("assert 0.5 < 1", "'.' behind a statement in code"),
    ])
  func unsupported(text: String, what: String) { #expect(run(text) == .unsupported(what)) }

  @Test("what one piece of code sets, later ones see")
  func persistence() {
    var evaluator = CodeEvaluator()
    #expect(evaluator.run("cwnd = 10", snapshot: [:]) == .holds)
    #expect(
      evaluator.run("cwnd += 1; assert tcpi_snd_cwnd == cwnd", snapshot: ["tcpi_snd_cwnd": 11])
        == .holds)
  }
}
