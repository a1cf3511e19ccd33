public import Foundation

/// What a finished program left behind.
public struct Finished: Sendable {
  /// The exit code; 128 and the signal if one ended it.
  public let status: Int32
  /// What it wrote to standard output.
  public let output: String
  /// What it wrote to standard error.
  public let errors: String
}

/// A program that did not end in time.
public struct StillRunning: Error { let program: String }

/// Runs a program to its end.
///
/// A shell writes the program's exit code to a file, which is looked for until the deadline: the
/// library's own exit tests wait for every child of this process, so nobody else can rely on that.
///
/// - Parameters:
///   - input: what it reads from standard input; nothing if nil.
///   - output: where its standard output goes, other than to the result.
public func run(
  _ program: String, _ arguments: [String], environment: [String: String] = [:],
  input: String? = nil, output: String? = nil, deadline: Duration = .seconds(300)
) async throws -> Finished {
  let folder = FileManager.default.temporaryDirectory.appending(
    path: "postroad-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  try Data((input ?? "").utf8).write(to: folder.appending(path: "input"))
  let process = Process()
  process.executableURL = URL(filePath: "/bin/sh")
  let script = """
    folder=$1; output=$2; seconds=$3; shift 3
    timeout --kill-after=5 "$seconds" "$@" > "$output" 2> "$folder/errors" < "$folder/input"
    echo $? > "$folder/ending" && mv "$folder/ending" "$folder/status"
    """
  process.arguments =
    [
      "-c", script, "sh", folder.path, output ?? folder.appending(path: "output").path,
      "\(deadline.components.seconds)", program,
    ] + arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  process.standardInput = FileHandle.nullDevice
  try process.run()
  func text(_ name: String) -> String? {
    (try? Data(contentsOf: folder.appending(path: name))).map {
      String(decoding: $0, as: UTF8.self)
    }
  }
  let end = ContinuousClock.now + deadline + .seconds(10)
  while true {
    // Read before the file is looked for: a task may wait long for its turn among busy tests, and
    // the program has ended meanwhile.
    let isLate = ContinuousClock.now >= end
    if let status = text("status")?.split(separator: "\n").first.flatMap({ Int32($0) }) {
      // What `timeout` says when it had to end the program.
      if [124, 137].contains(status) { throw StillRunning(program: program) }
      return Finished(
        status: status, output: text("output") ?? "", errors: text("errors") ?? "")
    }
    if isLate {
      process.terminate()
      throw StillRunning(program: program)
    }
    try await Task.sleep(for: .milliseconds(10))
  }
}

/// Where things are.
public enum Places {
  /// The repository.
  public static let root = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().deletingLastPathComponent()
  /// Captures of others, beside the repository; not everybody has them.
  public static let foreignCaptures = root.deletingLastPathComponent().appending(
    path: "shared/captures")

  /// The program under test: the one the environment names, else the one built with these tests.
  public static let program: String = {
    if let given = ProcessInfo.processInfo.environment["POSTROAD_BINARY"] { return given }
    var folder = URL(filePath: CommandLine.arguments[0]).deletingLastPathComponent()
    while folder.path.count > 1 {
      let program = folder.appending(path: "postroad").path
      if FileManager.default.isExecutableFile(atPath: program), program.contains("/.build/") {
        return program
      }
      folder.deleteLastPathComponent()
    }
    return root.appending(path: ".build/debug/postroad").path
  }()
}
