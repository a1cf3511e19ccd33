/// A file of an exercise's folder.
public struct ExerciseFile: Hashable, Sendable {
  /// Its name, without a path.
  public var name: String
  /// What is in it.
  public var octets: [UInt8]

  /// A file of text.
  public init(_ name: String, _ text: String) {
    self.name = name
    octets = Array(text.utf8)
  }

  /// A file of octets.
  public init(_ name: String, octets: [UInt8]) {
    self.name = name
    self.octets = octets
  }
}

/// A learner's folder, as far as it could be read.
public struct ExerciseFolder: Sendable {
  /// The files by name.
  public var files: [String: [UInt8]]

  /// A folder from its files.
  public init(_ files: [ExerciseFile]) {
    self.files = Dictionary(files.map { ($0.name, $0.octets) }) { $1 }
  }

  /// A file's text; what is not UTF-8 in it is replaced.
  func text(_ name: String) -> String? {
    files[name].map { String(decoding: $0, as: UTF8.self) }
  }
}

/// What a check says.
public enum Verdict: Hashable, Sendable {
  /// All is right; one sentence says what was shown by it.
  case passed(String)
  /// One sentence says what is wrong, and a hint what to look at.
  case notYet(String, hint: String)

  /// Whether all is right.
  public var isPassed: Bool { if case .passed = self { true } else { false } }
}

/// Thrown by the steps of a check: the first thing that is wrong.
struct NotYet: Error {
  var sentence: String
  var hint: String

  init(_ sentence: String, hint: String) {
    self.sentence = sentence
    self.hint = hint
  }
}

/// An exercise: a folder of text, an answer that fails its check at first, and hints.
///
/// The check judges what the learner's answer does, with our own stack and mail sessions as the
/// key; no answer is written down anywhere.
public protocol Exercise: Sendable {
  /// What `postroad lab NAME` calls it.
  var name: String { get }
  /// A few words.
  var title: String { get }
  /// What the learner reads first.
  var text: String { get }
  /// The other files of the folder.
  var files: [ExerciseFile] { get }
  /// The files that the learner writes into.
  var answers: [String] { get }
  /// General hints, from the gentle to the plain.
  var hints: [String] { get }
  /// Whether ``ExercisePrompt`` can be used for it.
  var hasPrompt: Bool { get }
  /// The check's steps; throws at the first thing that is wrong.
  func judge(_ folder: ExerciseFolder) throws -> String
}

extension Exercise {
  /// Most have one.
  public var answers: [String] { ["answer.txt"] }

  /// Most have none.
  public var hasPrompt: Bool { false }

  /// The whole folder.
  public var folder: [ExerciseFile] {
    let places = answers.map { "`\($0)`" }.joined(separator: " and ")
    let comments =
      answers.contains("answer.txt") ? "; lines there that begin with `#` are for you" : ""
    let ways = """

      ## How to go on

      What you write goes into \(places)\(comments).
      Then, from the folder above or from here:

          postroad lab check \(name)            # is it right?
          postroad lab check \(name) --hint     # what to look at next

      All hints are in `hints.txt`, from the gentle to the plain.

      """
    let hintLines = hints.enumerated().flatMap { number, hint in
      Columns.wrap(hint, width: 75).enumerated().map { row, line in
        (row == 0 ? "\(number + 1). " : "   ") + line
      }
    }.joined(separator: "\n")
    return [
      ExerciseFile("README.md", "# \(title)\n\n" + text + "\n" + ways),
      ExerciseFile("hints.txt", hintLines + "\n"),
    ] + files
  }

  /// Judges a folder.
  public func check(_ folder: ExerciseFolder) -> Verdict {
    do {
      return .passed(try judge(folder))
    } catch let error as NotYet {
      return .notYet(error.sentence, hint: error.hint)
    } catch {
      return .notYet("the answer cannot be judged: \(error)", hint: "begin the folder anew")
    }
  }
}

/// All exercises, in the order in which they build on each other.
public enum Exercises {
  /// The list.
  public static let all: [any Exercise] = [
    ChecksumExercise(), HandshakeExercise(), TraceExercise(), LossExercise(), WindowExercise(),
    CongestionExercise(), CloseExercise(), SegmentsExercise(), DotsExercise(),
    SmugglingExercise(), PoolingExercise(),
  ]

  /// The exercise of a name.
  public static func named(_ name: String) -> (any Exercise)? {
    all.first { $0.name == name }
  }
}
