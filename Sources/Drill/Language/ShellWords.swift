/// Cuts shell text into lines and words; nothing is expanded.
enum ShellWords {
  /// Commands between line ends, `;` and `&&`, without comments; empty ones are left out.
  static func lines(of text: String) -> [String] {
    var lines: [String] = []
    var line = ""
    var quote: Character?
    var isComment = false
    var previous: Character = " "
    for character in text {
      // A backslash at a line's end joins the next line.
      if previous == "\\", character == "\n" || character == "\r\n" {
        line.removeLast()
        previous = " "
        continue
      }
      if character == "\n" || character == "\r\n" || (character == ";" && quote == nil) {
        lines.append(line)
        line = ""
        isComment = false
        quote = nil
      } else if !isComment {
        if let open = quote {
          if character == open { quote = nil }
        } else if character == "\"" || character == "'" {
          quote = character
        } else if character == "#", previous.isWhitespace {
          isComment = true
          continue
        }
        line.append(character)
      }
      previous = character
    }
    lines.append(line)
    // Of `a || b` the first is done and succeeds, so that the second is not.
    return lines.flatMap { $0.split(separator: "&&") }
      .map { trim(String($0.split(separator: "||").first ?? "")) }.filter { !$0.isEmpty }
  }

  /// The words of each command of a pipe, quotes and redirections taken away.
  static func stages(of line: String) -> [[String]] {
    var stages: [[String]] = [[]]
    var word = ""
    var hasWord = false
    var quote: Character?
    func isRedirection(_ word: String) -> Bool {
      word.contains(">")
        && word.allSatisfy { $0.isNumber || ">&<".contains($0) || "/devnul".contains($0) }
    }
    var skipsNext = false
    func finish(_ word: String) {
      if skipsNext {
        skipsNext = false
      } else if isRedirection(word) {
        skipsNext = word.hasSuffix(">")
      } else {
        stages[stages.count - 1].append(word)
      }
    }
    for character in line {
      if let open = quote {
        if character == open { quote = nil } else { word.append(character) }
      } else if character == "\"" || character == "'" {
        quote = character
        hasWord = true
      } else if character == "|" || character.isWhitespace {
        if hasWord || !word.isEmpty { finish(word) }
        word = ""
        hasWord = false
        if character == "|" { stages.append([]) }
      } else {
        word.append(character)
      }
    }
    if hasWord || !word.isEmpty { finish(word) }
    return stages
  }

  private static func trim(_ text: String) -> String {
    var view = text[...]
    while view.first?.isWhitespace == true { view = view.dropFirst() }
    while view.last?.isWhitespace == true { view = view.dropLast() }
    return String(view)
  }
}
