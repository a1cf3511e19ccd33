import Laboratory
import Testing

/// Exercises: a fresh folder fails, a right answer passes, a wrong one hears what is wrong.
@Suite("exercises")
struct ExerciseTests {
  /// What a learner wrote, and what the check says of it.
  struct Attempt: Sendable, CustomTestStringConvertible {
    var exercise: String
    var files: [String: String]
    /// A part of the sentence; nil where the answer is right.
    var wrong: String?
    var testDescription: String { "\(exercise): \(wrong ?? "right")" }

    init(_ exercise: String, _ answer: String, _ wrong: String? = nil, file: String = "answer.txt")
    {
      self.exercise = exercise
      files = [file: answer]
      self.wrong = wrong
    }

    init(_ exercise: String, files: [String: String], _ wrong: String? = nil) {
      self.exercise = exercise
      self.files = files
      self.wrong = wrong
    }
  }

  private static func sheet(_ right: [(String, String)], _ changes: [String: String]) -> String {
    right.map { "\($0.0) = \(changes[$0.0] ?? $0.1)\n" }.joined()
  }

  static let checksum: [Attempt] = {
    let right = [("header", "0xb6c7"), ("segment", "0xb09d")]
    func attempt(_ name: String, _ value: String, _ wrong: String?) -> Attempt {
      Attempt("checksum", sheet(right, [name: value]), wrong)
    }
    return [
      Attempt("checksum", sheet(right, [:])),
      Attempt("checksum", "header = 46791\nsegment = 45213"),
      attempt("header", "0x4938", "not turned over"),
      attempt("header", "0xc7b6", "wrong way round"),
      attempt("header", "1", "sum the ten words"),
      attempt("segment", "0x4f62", "not turned over"),
      attempt("segment", "0x34c1", "pseudo-header is missing"),
      attempt("segment", "0x9db0", "wrong way round"), attempt("segment", "5", "sum the pseudo"),
      attempt("segment", "", "no answer yet"), attempt("segment", "many", "must be a number"),
      Attempt("checksum", "haeder = 1", "line 1 of answer.txt is not an answer"),
      Attempt("checksum", "header = 1\nheader = 2", "two answers"),
    ]
  }()

  static let handshake: [Attempt] = {
    let first = "SYN seq=1000\n"
    let ack = "ACK seq=1001 ack=2178931448\n"
    return [
      Attempt("handshake", first + ack + "PSH,ACK seq=1001 ack=2178931448 data=\"hello\"\n"),
      Attempt(
        "handshake", "syn seq=4294967295\nack seq=0 ack=2178931448 data=\"hello\"\nwait 200ms\n"),
      Attempt("handshake", "", "no segment yet"),
      Attempt("handshake", "ACK seq=1", "begins with a SYN"),
      Attempt("handshake", "SYN,ACK seq=1 ack=7", "nothing to acknowledge"),
      Attempt("handshake", first, "SYN-RECEIVED"),
      Attempt("handshake", first + "ACK seq=1001 ack=2178931447", "not the server's first number"),
      Attempt("handshake", first + "ACK seq=1000 ack=2178931448", "not your next number"),
      Attempt("handshake", first + ack, "no data has come"),
      Attempt(
        "handshake", first + ack + "ACK seq=1002 ack=2178931448 data=\"hello\"",
        "not your next number"),
      Attempt(
        "handshake", first + ack + "ACK seq=1001 ack=2178931448 data=\"adieu\"", "read 'adieu'"),
      Attempt("handshake", "SIN seq=1", "no control bit"),
      Attempt("handshake", "SYN seq=x", "a number from 0"),
      Attempt("handshake", "SYN data=\"x", "quotation mark"),
      Attempt("handshake", "wait for it", "needs a time"),
    ]
  }()

  static let trace: [Attempt] = {
    let right = [
      ("packets", "24"), ("initial", "1207009538"), ("segment size", "1460"),
      ("round trip", "100"), ("repeated", "10"), ("octets", "142"), ("under way", "70"),
      ("closes first", "server"),
    ]
    func attempt(_ name: String, _ value: String, _ wrong: String?) -> Attempt {
      Attempt("trace", sheet(right, [name: value]), wrong)
    }
    return [
      attempt("packets", "24", nil), attempt("packets", "17", "count the lines"),
      attempt("initial", "1207009539", "the SYN has the one before"),
      attempt("segment size", "536", "in an option"), attempt("round trip", "50", "one way only"),
      attempt("repeated", "4", "no packet before it"), attempt("octets", "143", "is no data"),
      attempt("octets", "144", "SYN and FIN"),
      attempt("repeated", "16", "not the first"),
      attempt("under way", "142", "acknowledged before"),
      attempt("under way", "41", "last acknowledgment"),
      attempt("closes first", "client", "first F"),
    ]
  }()

  static let loss: [Attempt] = {
    let right = [
      ("fast", "3"), ("timer", "24"), ("probe", "26"), ("free", "13"), ("slowest", "1"),
    ]
    func attempt(_ name: String, _ value: String, _ wrong: String?) -> Attempt {
      Attempt("loss", sheet(right, [name: value]), wrong)
    }
    return [
      attempt("fast", "12", nil), attempt("slowest", "2", nil),
      attempt("fast", "24", "the retransmission timer repairs it"),
      attempt("timer", "5", "fast retransmission repairs it"),
      attempt("probe", "13", "nothing is sent again"),
      attempt("free", "26", "a tail loss probe repairs it"), attempt("free", "99", "only 1 to 26"),
      attempt("fast", "1", "the handshake's timer"),
      attempt("slowest", "24", "another loss costs more"),
    ]
  }()

  static let window: [Attempt] = {
    let right = [
      ("closed", "12"), ("unread", "4096"), ("probe", "13"), ("opened", "17"), ("buffer", "16384"),
    ]
    func attempt(_ name: String, _ value: String, _ wrong: String?) -> Attempt {
      Attempt("window", sheet(right, [name: value]), wrong)
    }
    return [
      attempt("closed", "12", nil), attempt("closed", "10", "not yet 0"),
      attempt("closed", "3", "look for window 0"), attempt("unread", "4000", "what was left"),
      attempt("probe", "14", "answer to the probe"), attempt("opened", "14", "still 0"),
      attempt("buffer", "8192", "still closes"), attempt("buffer", "32768", "half of 32768"),
      attempt("buffer", "10000", "power of 2"),
    ]
  }()

  static let congestion: [Attempt] = {
    let right = [
      ("initial", "10000"), ("threshold", "19000"), ("timeout", "1000"), ("fastest", "bbr"),
    ]
    func attempt(_ name: String, _ value: String, _ wrong: String?) -> Attempt {
      Attempt("congestion", sheet(right, [name: value]), wrong)
    }
    return [
      attempt("fastest", "BBR", nil), attempt("initial", "10", "in segments"),
      attempt("threshold", "38000", "it is halved"), attempt("threshold", "2000", "half of what"),
      attempt("timeout", "19000", "more seriously"), attempt("fastest", "reno", "took it"),
      attempt("fastest", "vegas", "one of reno"),
    ]
  }()

  static let close: [Attempt] = {
    let start = "0 client opens\n200 client sends 100\n300 client closes\n"
    let end = "400 server sends 2000\n500 server closes\n"
    func attempt(_ lines: String, _ wrong: String?) -> Attempt { Attempt("close", lines, wrong) }
    return [
      attempt(start + end + "lose 13", nil), attempt("", "does not come about"),
      attempt("0 client opens", "does not close"),
      attempt("0 client opens\n200 server closes\n400 client closes", "it closed first"),
      attempt(start, "has sent 0 octets"), attempt(start + "400 server sends 500", "sent 500"),
      attempt(start + "400 server sends 2000", "must close too"),
      attempt(start + end, "last ACK is not lost"), attempt(start + end + "lose 12", "not lost"),
      attempt("0 client opens\n50 client sends 1\n60 server sends 1", "no connection at that time"),
      attempt("0 client dances", "not understood"), attempt("lose x", "number of a packet"),
    ]
  }()

  static let segments: [Attempt] = {
    let cut = "EH\nLO client.example.net\\r\\n\n"
    let group = "MAIL FROM:<ada@example.net>\\r\\nRCPT TO:<postmaster@example.test>\\r\\n\n"
    let data = "DATA\\r\\n\n"
    let end = "Subject: cut\\r\\n\\r\\nHello.\\r\\n.\n\\r\\n\nQUIT\\r\\n\n"
    func attempt(_ lines: String, _ wrong: String?) -> Attempt { Attempt("segments", lines, wrong) }
    return [
      attempt(cut + group + data + end, nil),
      attempt("EHLO client.example.net\\r\\n\n" + group + data + end, "middle of a word"),
      attempt(
        cut + group.replacingFirst("\\r\\nRCPT", "\\r\\n\nRCPT") + data + end, "two commands"),
      attempt(
        cut + group + data + "Subject: cut\\r\\n\\r\\nHello.\\r\\n.\\r\\n\n", "came in one segment"),
      attempt(cut + data + end, "503"), attempt("EHLO \\q", "escapes"), attempt("", "0 mails"),
    ]
  }()

  static let dots: [Attempt] = {
    let right = """
      Subject: On the use of dots

      Dear reader,
      ....and so it begins:
      ..
      e.g. this.
      ..profile and .. are names of files,
      ...
       .this line begins with a blank
      The end.
      .

      """
    func attempt(_ old: String, _ new: String, _ wrong: String?) -> Attempt {
      Attempt("dots", right.replacingFirst(old, new), wrong, file: "wire.txt")
    }
    return [
      attempt("", "", nil), attempt("....and", "...and", "its dot was taken away"),
      attempt("\n..\ne.g.", "\n.\ne.g.", "ends the mail"),
      attempt("The end.\n.\n", "The end.\n", "still waits"),
      attempt("e.g.", "e..g.", "arrives as 'e..g. this.'"),
      attempt("\n...\n", "\n....\n", "one dot too many"),
      attempt("The end.\n", "The end.\nP.S.\n", "11 lines arrive"),
    ]
  }()

  static let smuggling: [Attempt] = {
    let message =
      "Subject: harmless\n\nFirst.\\n.\nMAIL FROM:<admin@example.test>\n"
      + "RCPT TO:<postmaster@example.test>\nDATA\nSubject: smuggled\n\nSecond.\n"
    let right = [("strict mails", "0"), ("strict reply", "550"), ("repairing mails", "1")]
    func attempt(_ message: String, _ changes: [String: String], _ wrong: String?) -> Attempt {
      Attempt(
        "smuggling", files: ["message.txt": message, "answer.txt": sheet(right, changes)], wrong)
    }
    return [
      attempt(message, [:], nil), attempt("Subject: x\n\n.\ny\n", [:], "one mail only"),
      attempt(message.replacingFirst("admin", "eve"), [:], "from 'eve@example.test'"),
      attempt(message, ["strict mails": "2"], "what the lax one does"),
      attempt(message, ["strict mails": "1"], "does not even take the first"),
      attempt(message, ["strict reply": "250"], "does not take the mail"),
      attempt(message, ["repairing mails": "2"], "the hole itself"),
      attempt("a\\x", [:], "an escape"),
    ]
  }()

  static let pooling: [Attempt] = {
    let right = [
      ("first", "5"), ("next", "2"), ("fresh", "4700"), ("pooled", "1900"), ("waiting", "8"),
    ]
    func attempt(_ name: String, _ value: String, _ wrong: String?) -> Attempt {
      Attempt("pooling", sheet(right, [name: value]), wrong)
    }
    return [
      attempt("first", "5", nil), attempt("first", "4", "one of its own"),
      attempt("first", "6", "QUIT is not needed"), attempt("next", "4", "in one group"),
      attempt("fresh", "4000", "waits for the 221"), attempt("pooled", "4700", "without a pool"),
      attempt("waiting", "1", "with a pool"),
    ]
  }()

  static let attempts =
    checksum + handshake + trace + loss + window + congestion + close + segments + dots
    + smuggling + pooling

  @Test("the fresh folder of every exercise fails its check, with a sentence and a hint")
  func fresh() {
    #expect(Exercises.all.count == 11)
    for exercise in Exercises.all {
      guard case .notYet(let sentence, let hint) = exercise.check(ExerciseFolder(exercise.folder))
      else {
        Issue.record("the fresh folder of \(exercise.name) passes")
        continue
      }
      #expect(!sentence.contains("\n") && !sentence.isEmpty && !hint.isEmpty)
    }
  }

  @Test("a right answer passes, and a wrong one hears what is wrong", arguments: attempts)
  func judged(attempt: Attempt) throws {
    let exercise = try #require(Exercises.named(attempt.exercise))
    var folder = ExerciseFolder(exercise.folder)
    for (name, text) in attempt.files { folder.files[name] = Array(text.utf8) }
    switch exercise.check(folder) {
    case .passed(let sentence): #expect(attempt.wrong == nil, "it passes: \(sentence)")
    case .notYet(let sentence, _):
      let wrong = try #require(attempt.wrong, "a right answer: \(sentence)")
      #expect(sentence.contains(wrong))
    }
  }

  @Test("a folder without its files, or with octets that are no text, gets a sentence")
  func damaged() {
    for exercise in Exercises.all {
      #expect(!exercise.check(ExerciseFolder([])).isPassed)
      var folder = ExerciseFolder(exercise.folder)
      for name in folder.files.keys { folder.files[name] = [0xFF, 0, 13, 10, 0x3D, 0xC3] }
      #expect(!exercise.check(folder).isPassed)
    }
  }

  @Test("every exercise explains itself: a title, sections of RFCs, hints, and how to go on")
  func texts() throws {
    for exercise in Exercises.all {
      let readme = String(decoding: try #require(exercise.folder.first).octets, as: UTF8.self)
      #expect(readme.hasPrefix("# \(exercise.title)\n"))
      #expect(readme.contains("RFC "), "\(exercise.name)")
      #expect(readme.contains("postroad lab check \(exercise.name)"))
      #expect(exercise.hints.count >= 3)
      for line in readme.split(separator: "\n") { #expect(line.count <= 110, "\(line)") }
    }
  }

  @Test("the prompt answers segments, tells the change of state, and keeps what was understood")
  func prompt() {
    var prompt = ExercisePrompt()
    #expect(prompt.type("SYN seq=1000").contains { $0.contains("SYN,ACK seq=2178931447 ack=1001") })
    #expect(prompt.type("nonsense").contains { $0.contains("not understood") })
    let told = prompt.type("ACK seq=1001 ack=2178931448")
    #expect(told.contains { $0.contains("from SYN-RECEIVED to ESTABLISHED") })
    #expect(prompt.lines == ["SYN seq=1000", "ACK seq=1001 ack=2178931448"])
    #expect(prompt.type("RST seq=5").contains { $0.contains("dropped") })
  }
}

extension String {
  fileprivate func replacingFirst(_ old: String, _ new: String) -> String {
    guard !old.isEmpty, let range = self.firstRange(of: old) else { return self }
    return self[..<range.lowerBound] + new + self[range.upperBound...]
  }
}
