import Foundation
import Testing

/// What the machine must offer for a check against the real kernel.
enum Machine {
  /// A TUN device in a network namespace of its own needs root and the device file.
  static let hasNamespaces = geteuid() == 0 && access("/dev/net/tun", W_OK) == 0

  /// Whether a command can be found.
  static func has(_ command: String) -> Bool {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"])
      .contains { access($0 + "/" + command, X_OK) == 0 }
  }
}

extension Trait where Self == ConditionTrait {
  /// Needs the right to make a network namespace with a TUN device in it.
  static var needsNamespace: Self {
    .enabled(if: Machine.hasNamespaces, "needs root and /dev/net/tun")
  }

  /// Needs a command of the system.
  static func needs(_ command: String) -> Self {
    .enabled(if: Machine.has(command), "needs \(command)")
  }
}

/// Runs one check of a script beside this file, in a process and a namespace of its own.
func check(
  _ script: String, _ name: String, at location: SourceLocation = #_sourceLocation
) async throws {
  let here = URL(filePath: #filePath).deletingLastPathComponent()
  let process = Process()
  process.executableURL = URL(filePath: "/usr/bin/env")
  process.arguments = [
    "python3", "-B", here.appending(path: "Scripts/\(script).py").path, name,
  ]
  process.environment = ProcessInfo.processInfo.environment.merging(
    ["POSTROAD_BINARY": program(beside: here)]
  ) { given, _ in given }
  // A file, not a pipe: nobody has to read while the check runs.
  let log = FileManager.default.temporaryDirectory.appending(
    path: "postroad-\(script)-\(name)-\(ProcessInfo.processInfo.processIdentifier)")
  _ = FileManager.default.createFile(atPath: log.path, contents: nil)
  defer { try? FileManager.default.removeItem(at: log) }
  let output = try FileHandle(forWritingTo: log)
  process.standardOutput = output
  process.standardError = output
  let (ended, end) = AsyncStream<Int32>.makeStream()
  process.terminationHandler = {
    end.yield($0.terminationStatus)
    end.finish()
  }
  try process.run()
  let status = await ended.first { _ in true }
  let said = (try? String(contentsOf: log, encoding: .utf8)) ?? ""
  if status == 77 {
    try Test.cancel("\(said)", sourceLocation: location)
  }
  #expect(status == 0, "\(script).py \(name):\n\(said)", sourceLocation: location)
}

/// The program under test: the one the environment names, else the one built with these tests.
private func program(beside folder: URL) -> String {
  let tests = URL(filePath: CommandLine.arguments[0])
  var candidate = tests.deletingLastPathComponent()
  while candidate.path.count > 1 {
    let program = candidate.appending(path: "postroad")
    if access(program.path, X_OK) == 0, program.path.contains("/.build/") { return program.path }
    candidate.deleteLastPathComponent()
  }
  return folder.appending(path: "../../.build/debug/postroad").standardizedFileURL.path
}
