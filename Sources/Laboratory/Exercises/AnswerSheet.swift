/// The lines `name = value` of an answer file; `#` begins a comment line.
struct AnswerSheet {
  private var values: [String: String] = [:]

  init(_ folder: ExerciseFolder, file: String = "answer.txt", names: [String]) throws(NotYet) {
    guard let text = folder.text(file) else {
      throw NotYet(
        "\(file) is missing", hint: "'postroad lab start' writes a new one into an empty folder")
    }
    for (index, line) in AnswerLines.split(text).enumerated() {
      let trimmed = AnswerLines.trim(line)
      if trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
      let parts = trimmed.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      let name = AnswerLines.trim(String(parts[0]))
      guard parts.count == 2, names.contains(name) else {
        throw NotYet(
          "line \(index + 1) of \(file) is not an answer: '\(trimmed.prefix(40))'",
          hint: "lines are NAME = VALUE, with the names: \(names.joined(separator: ", "))")
      }
      guard values[name] == nil else {
        throw NotYet("'\(name)' has two answers", hint: "leave one line for each name")
      }
      values[name] = AnswerLines.trim(String(parts[1]))
    }
  }

  /// What was written for a name; nothing is an error.
  func value(_ name: String) throws(NotYet) -> String {
    guard let value = values[name], !value.isEmpty else {
      throw NotYet("'\(name)' has no answer yet", hint: "read README.md, then fill in '\(name) ='")
    }
    return value
  }

  /// A number, decimal or with 0x.
  func number(_ name: String) throws(NotYet) -> Int {
    let text = try value(name).lowercased()
    let digits = text.filter { $0 != "_" && $0 != "," }
    let number = digits.hasPrefix("0x") ? Int(digits.dropFirst(2), radix: 16) : Int(digits)
    guard let number, number >= 0 else {
      throw NotYet(
        "'\(name)' must be a number, not '\(text.prefix(30))'",
        hint: "write it in decimal, or in hexadecimal after 0x")
    }
    return number
  }
}

/// Text that a learner wrote.
enum AnswerLines {
  /// Lines, whatever ends them.
  static func split(_ text: String) -> [String] {
    text.split(omittingEmptySubsequences: false) { $0.isNewline }.map(String.init)
  }

  /// Without the blanks around.
  static func trim(_ text: String) -> String {
    let part = text.drop { $0.isWhitespace }
    guard let last = part.lastIndex(where: { !$0.isWhitespace }) else { return "" }
    return String(part[...last])
  }

  /// The lines that count: no comments, no empty ones; each with its number.
  static func content(_ text: String) -> [(number: Int, text: String)] {
    split(text).enumerated().compactMap { index, line in
      let trimmed = trim(line)
      return trimmed.isEmpty || trimmed.hasPrefix("#") ? nil : (index + 1, trimmed)
    }
  }

  /// Text with the escapes `\r`, `\n`, `\t`, `\\` and `\"`; nil for another.
  static func unescape(_ text: String) -> [UInt8]? {
    var octets: [UInt8] = []
    var isEscaped = false
    for octet in text.utf8 {
      if isEscaped {
        isEscaped = false
        switch octet {
        case UInt8(ascii: "r"): octets.append(13)
        case UInt8(ascii: "n"): octets.append(10)
        case UInt8(ascii: "t"): octets.append(9)
        case UInt8(ascii: "\\"), UInt8(ascii: "\""): octets.append(octet)
        default: return nil
        }
      } else if octet == UInt8(ascii: "\\") {
        isEscaped = true
      } else {
        octets.append(octet)
      }
    }
    return isEscaped ? nil : octets
  }
}

/// A question with a number as its answer, and the mistakes that are known.
struct NumberQuestion: Sendable {
  /// Its name in the answer file.
  var name: String
  /// What is asked.
  var ask: String
  /// The answer.
  var key: Int
  /// How far from it is near enough.
  var tolerance = 0
  /// Wrong answers that show what was misunderstood.
  var mistakes: [Int: String] = [:]
  /// What is said of any other.
  var otherwise: String
  /// What to look at.
  var hint: String

  /// Judges what was written.
  func judge(_ sheet: AnswerSheet) throws(NotYet) {
    let number = try sheet.number(name)
    if abs(number - key) <= tolerance { return }
    let sentence = mistakes[number] ?? otherwise
    throw NotYet("'\(name)' is not \(number): \(sentence)", hint: hint)
  }
}

/// A question with a word as its answer.
struct WordQuestion: Sendable {
  var name: String
  var ask: String
  var key: String
  /// Wrong words, in upper case, that show what was misunderstood.
  var mistakes: [String: String] = [:]
  var otherwise: String
  var hint: String

  func judge(_ sheet: AnswerSheet) throws(NotYet) {
    let word = try sheet.value(name).uppercased()
    if word == key.uppercased() { return }
    throw NotYet(
      "'\(name)' is not \(word.prefix(30)): \(mistakes[word] ?? otherwise)", hint: hint)
  }
}

/// The text of an answer file: each question as a comment above its empty line.
enum AnswerForm {
  static func text(_ questions: [(name: String, ask: String)]) -> String {
    questions.map { question in
      Columns.wrap(question.ask, width: 76).map { "# \($0)" }.joined(separator: "\n")
        + "\n\(question.name) =\n"
    }.joined(separator: "\n")
  }
}
