import ArgumentParser
import Foundation
import Laboratory

/// `postroad lab`: runs to step through, and exercises that grade themselves.
struct Lab: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Step through a run packet by packet, or do an exercise.",
    discussion: """
      Without a name it shows a run on the terminal: step forwards and backwards, drop, delay or \
      alter any packet, and see what comes of it. With the name of an exercise it starts that \
      exercise, or shows its text again. 'postroad lab list' names them all. Nothing needs rights \
      or devices: everything happens in this process, in virtual time.
      """,
    subcommands: [LabOpen.self, LabList.self, LabStart.self, LabCheck.self, LabTry.self],
    defaultSubcommand: LabOpen.self)

  /// The exercise of a name; else one sentence, and exit code 64.
  static func exercise(_ name: String) throws -> any Exercise {
    guard let exercise = Exercises.named(name) else {
      throw ValidationError("there is no exercise '\(name)'; 'postroad lab list' names them")
    }
    return exercise
  }

  /// Writes an exercise's folder; what is there already is left alone.
  static func write(_ exercise: any Exercise, into folder: String) throws {
    let place = URL(filePath: folder)
    let files = FileManager.default
    do {
      try files.createDirectory(at: place, withIntermediateDirectories: true)
      for file in exercise.folder {
        let path = place.appending(path: file.name)
        guard !files.fileExists(atPath: path.path) else {
          throw complain("\(path.path) is there already; begin in an empty folder")
        }
        try Data(file.octets).write(to: path)
      }
    } catch let code as ExitCode {
      throw code
    } catch {
      throw complain("cannot write to \(folder): \(systemText(of: error))")
    }
  }

  /// The folder that is meant where none is named: the exercise's name, or this one if it is it.
  static func folder(of exercise: any Exercise) -> String {
    let files = FileManager.default
    let here = URL(filePath: files.currentDirectoryPath).lastPathComponent
    return !files.fileExists(atPath: exercise.name) && here == exercise.name ? "." : exercise.name
  }

  /// The files of a learner's folder, those of the exercise only.
  static func read(_ exercise: any Exercise, from folder: String) throws -> ExerciseFolder {
    var isFolder: ObjCBool = false
    let isThere = unsafe FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder)
    guard isThere, isFolder.boolValue else {
      throw complain(
        "there is no folder \(folder); 'postroad lab start \(exercise.name)"
          + (folder == exercise.name ? "" : " --into \(folder)") + "' writes it",
        .validationFailure)
    }
    var files: [ExerciseFile] = []
    for file in exercise.folder {
      let path = URL(filePath: folder).appending(path: file.name)
      guard let handle = try? FileHandle(forReadingFrom: path) else { continue }
      // An answer is small; what is larger is no answer.
      let octets = (try? handle.read(upToCount: 1 << 20)) ?? Data()
      try? handle.close()
      files.append(ExerciseFile(file.name, octets: Array(octets)))
    }
    return ExerciseFolder(files)
  }
}

/// `postroad lab list`.
struct LabList: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "Name the exercises.")

  func run() throws {
    let width = (Exercises.all.map(\.name.count).max() ?? 0) + 2
    try put(
      Exercises.all.map { exercise in
        exercise.name + String(repeating: " ", count: width - exercise.name.count)
          + exercise.title
      })
  }
}

/// `postroad lab start NAME`.
struct LabStart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Write an exercise's folder: text, files, and your answer.")

  @Argument(help: ArgumentHelp("The exercise.", valueName: "name"))
  var name: String

  @Option(help: ArgumentHelp("The folder; the exercise's name if not given.", valueName: "dir"))
  var into: String?

  func run() throws {
    let exercise = try Lab.exercise(name)
    let folder = into ?? name
    try Lab.write(exercise, into: folder)
    try put([
      "\(exercise.title): read \(folder)/README.md, then 'postroad lab check \(name)"
        + (folder == name ? "'" : " \(folder)'")
    ])
  }
}

/// `postroad lab check NAME [DIR]`.
struct LabCheck: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "check", abstract: "Grade an exercise.",
    discussion: "Exit codes: 0 passed, 1 not yet, 64 no such exercise or folder.")

  @Argument(help: ArgumentHelp("The exercise.", valueName: "name"))
  var name: String

  @Argument(help: ArgumentHelp("The folder; the exercise's name if not given.", valueName: "dir"))
  var folder: String?

  @Flag(help: "Say what to look at next.")
  var hint = false

  func run() throws {
    let exercise = try Lab.exercise(name)
    switch exercise.check(try Lab.read(exercise, from: folder ?? Lab.folder(of: exercise))) {
    case .passed(let sentence):
      try put(["passed: \(sentence)"])
    case .notYet(let sentence, let next):
      try put(["not yet: \(sentence)"] + (hint ? ["hint: \(next)"] : []))
      throw ExitCode.failure
    }
  }
}

/// `postroad lab try NAME`: the prompt of an exercise.
struct LabTry: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "try", abstract: "Type segments to our stack, and see what it answers.",
    discussion: "Reads lines from standard input until an empty one, or the end.")

  @Argument(help: ArgumentHelp("The exercise: handshake.", valueName: "name"))
  var name: String

  @Option(
    help: ArgumentHelp("Write what you typed to this file, as an answer.", valueName: "file"))
  var save: String?

  func run() throws {
    let exercise = try Lab.exercise(name)
    guard exercise.hasPrompt else {
      throw ValidationError("the exercise '\(name)' has no prompt; write your answer and check it")
    }
    var prompt = ExercisePrompt()
    try put(prompt.greeting)
    while let line = readLine(), !line.allSatisfy(\.isWhitespace) { try put(prompt.type(line)) }
    guard let save else { return }
    let text = prompt.lines.map { $0 + "\n" }.joined()
    do {
      try Data(text.utf8).write(to: URL(filePath: save))
    } catch {
      throw complain("cannot write to \(save): \(systemText(of: error))")
    }
  }
}
