import ArgumentParser
import Drill
import Foundation
import Frames

/// `postroad drill`: packet scripts against our stack, in virtual time.
struct DrillScripts: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "drill",
    abstract: "Run packet scripts against the stack, in virtual time.",
    discussion: """
      The scripts are in the language of packetdrill. They run in this process, without rights, \
      devices or waiting; the shell commands in them are understood, never run. A directory stands \
      for every .pkt file in it.

      One line a script: pass, fail, unsupported (what the stack cannot do yet) or error (a script \
      that contradicts itself). A failure is followed by what was expected and what was seen.

      Exit codes: 0 all pass, 1 a script fails or the output cannot be written, 2 none fails but \
      something is unsupported, 64 a script is malformed, contradicts itself or cannot be read.

      With --json each line is one object: "file", "outcome", "events" (how many happened), \
      "seconds" (of virtual time); where there is a reason "line" and "message"; for a failure \
      "text" (of the event), "expected", "seen", "expectedFrom", "expectedTo", "seenAt" (seconds), \
      "differences" (each with "field", "expected", "seen") and "rule" (with "name", "source", \
      "sentence"); with --trace "steps" (each with "time", "kind", "text", and "line" and "rule" \
      where there are any); with --explain in each step "decisions" (each with "effect", "name", \
      "source", "sentence") where there are any. The last object has "total", "pass", "fail", "unsupported", "error".
      """)

  @Argument(help: ArgumentHelp("Scripts, or directories of scripts.", valueName: "file"))
  var files: [String]

  @Flag(help: "One JSON object a line.")
  var json = false

  @Flag(help: "Print the whole exchange of each script as a ladder.")
  var trace = false

  @Flag(
    help: "The ladder, and what the stack decides at each step: what it takes, holds back, drops.")
  var explain = false

  @Option(
    help: ArgumentHelp(
      "Write every packet to a pcapng file, with the reason as its comment.", valueName: "file"))
  var pcap: String?

  @Option(help: ArgumentHelp("The language: packetdrill or freebsd.", valueName: "name"))
  var dialect = DialectName.packetdrill

  @Option(
    name: [.customShort("D"), .long],
    help: ArgumentHelp("A word that stands for another in scripts.", valueName: "NAME=VALUE"))
  var define: [String] = []

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp(
      "An option of the scripts, such as mtu=1400; it wins over theirs.", valueName: "NAME=VALUE"))
  var option: [String] = []

  @Flag(
    help: "Fail on packets that a script leaves unmentioned, and compare echoed timestamps too.")
  var strict = false

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The seed of sequence numbers and ports.", valueName: "n"))
  var seed: UInt64 = 1

  func validate() throws {
    guard !files.isEmpty else { throw ValidationError("name a script or a directory") }
    for (flag, texts) in [("--define", define), ("--option", option)] {
      for text in texts where !text.dropFirst().contains("=") {
        throw ValidationError("\(flag) \(text): NAME=VALUE is expected")
      }
    }
  }

  func run() throws {
    var settings = RunSettings()
    settings.isStrict = strict
    settings.seed = seed
    settings.traces = trace
    settings.explains = explain || pcap != nil
    let language = languageSettings
    var capture: ScriptCapture?
    if let pcap {
      do throws(CaptureError) {
        capture = try ScriptCapture(path: pcap)
      } catch {
        throw complain("\(error)")
      }
    }
    var output = DrillOutput(isJSON: json, draws: trace || explain, explains: explain)
    for file in try ScriptFiles.find(files) {
      let report: ScriptReport
      do throws(ScriptError) {
        let octets = try ScriptFiles.read(file)
        report = try Script(parsing: octets, file: file, settings: language).run(settings)
        capture?.add(report)
      } catch {
        report = ScriptReport(malformed: error, file: file)
      }
      try output.tell(report)
    }
    try output.finish()
    do throws(CaptureError) {
      try capture?.flush()
    } catch {
      throw complain("\(error)")
    }
    if let code = output.exitCode { throw code }
  }

  private var languageSettings: ScriptSettings {
    var settings = ScriptSettings()
    settings.dialect = dialect.dialect
    for text in define {
      let (name, value) = Self.split(text)
      settings.definitions[name] = value
    }
    settings.options = option.map(Self.split)
    return settings
  }

  private static func split(_ text: String) -> (name: String, value: String) {
    let parts = text.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    return (String(parts[0]), parts.count > 1 ? String(parts[1]) : "")
  }
}

/// The languages of scripts, as the command line names them.
enum DialectName: String, CaseIterable, ExpressibleByArgument {
  case packetdrill
  case freebsd

  var dialect: ScriptDialect {
    switch self {
    case .packetdrill: .packetdrill
    case .freebsd: .freebsd
    }
  }
}

/// Finds and reads the scripts that the command line names.
enum ScriptFiles {
  /// Octets of the largest script.
  private static let limit = 16 << 20

  /// What is in a file, a pipe among them; the other scripts run whether or not it can be read.
  static func read(_ name: String) throws(ScriptError) -> [UInt8] {
    let position = SourcePosition(file: name, line: 1)
    let octets: Data?
    do {
      let handle = try FileHandle(forReadingFrom: URL(filePath: name))
      octets = try handle.read(upToCount: limit + 1)
      try handle.close()
    } catch {
      let reason = systemText(Int32(truncatingIfNeeded: systemError(error)))
      throw ScriptError(at: position, expected: "a file that can be read (\(reason))")
    }
    guard let octets else { return [] }
    guard octets.count <= limit else {
      throw ScriptError(at: position, expected: "a script of at most 16 MiB")
    }
    return [UInt8](octets)
  }

  /// The errno in an error of the library.
  private static func systemError(_ error: any Error) -> Int {
    var error = error as NSError
    while let cause = error.userInfo[NSUnderlyingErrorKey] as? NSError { error = cause }
    return error.domain == NSPOSIXErrorDomain ? error.code : 0
  }

  /// Files as they are named, and the `.pkt` files of directories in the order of their names.
  static func find(_ names: [String]) throws -> [String] {
    var found: [String] = []
    for name in names {
      var isDirectory: ObjCBool = false
      guard unsafe FileManager.default.fileExists(atPath: name, isDirectory: &isDirectory) else {
        throw complain("\(name): no such file or directory", .init(64))
      }
      guard isDirectory.boolValue else {
        found.append(name)
        continue
      }
      let inside = FileManager.default.enumerator(atPath: name)?.compactMap { $0 as? String } ?? []
      let scripts = inside.filter { $0.hasSuffix(".pkt") }.sorted()
      guard !scripts.isEmpty else { throw complain("\(name): no .pkt file in it", .init(64)) }
      let base = name.hasSuffix("/") ? name : name + "/"
      found += scripts.map { base + $0 }
    }
    return found
  }
}
