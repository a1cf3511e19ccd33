import Foundation
import Testing

/// What the machine must offer for a check against the real kernel.
enum Machine {
  /// A TUN device in a network namespace of its own needs root and the device file.
  static let hasNamespaces =
    geteuid() == 0 && FileManager.default.isWritableFile(atPath: "/dev/net/tun")

  /// Whether a command can be found.
  static func has(_ command: String) -> Bool {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    return (path.split(separator: ":").map(String.init) + ["/usr/sbin", "/sbin"])
      .contains { FileManager.default.isExecutableFile(atPath: $0 + "/" + command) }
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

/// What a finished program left behind.
struct Finished {
  let status: Int32
  let output: String
  let errors: String
}

/// A program that did not end in time.
struct StillRunning: Error { let program: String }

/// Runs a program to its end.
///
/// A shell writes the program's exit code to a file, which is looked for until the deadline: the
/// library's own exit tests wait for every child of this process, so nobody else can rely on that.
func run(
  _ program: String, _ arguments: [String], environment: [String: String] = [:]
) async throws -> Finished {
  let folder = FileManager.default.temporaryDirectory.appending(
    path: "postroad-\(UUID().uuidString)")
  try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(at: folder) }
  let process = Process()
  process.executableURL = URL(filePath: "/bin/sh")
  let script = """
    folder=$1; shift
    "$@" > "$folder/output" 2> "$folder/errors" < /dev/null
    echo $? > "$folder/ending" && mv "$folder/ending" "$folder/status"
    """
  process.arguments = ["-c", script, "sh", folder.path, program] + arguments
  process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
  process.standardInput = FileHandle.nullDevice
  try process.run()
  func text(_ name: String) -> String? {
    (try? Data(contentsOf: folder.appending(path: name))).map {
      String(decoding: $0, as: UTF8.self)
    }
  }
  let deadline = ContinuousClock.now + .seconds(300)
  while ContinuousClock.now < deadline {
    if let status = text("status")?.split(separator: "\n").first.flatMap({ Int32($0) }) {
      return Finished(
        status: status, output: text("output") ?? "", errors: text("errors") ?? "")
    }
    try await Task.sleep(for: .milliseconds(10))
  }
  process.terminate()
  throw StillRunning(program: program)
}

/// Runs one check of a script beside this file, in a process and a namespace of its own.
func check(
  _ script: String, _ name: String, at location: SourceLocation = #_sourceLocation
) async throws {
  let path = Places.here.appending(path: "Scripts/\(script).py").path
  let done = try await run(
    "/usr/bin/env", ["python3", "-B", path, name],
    environment: ["POSTROAD_BINARY": Places.program])
  if done.status == 77 { try Test.cancel("\(done.output)", sourceLocation: location) }
  #expect(
    done.status == 0, "\(script).py \(name):\n\(done.output)\(done.errors)",
    sourceLocation: location)
}

/// Where things are.
enum Places {
  static let here = URL(filePath: #filePath).deletingLastPathComponent()
  static let root = here.deletingLastPathComponent().deletingLastPathComponent()
  /// Captures of others, beside the repository; not everybody has them.
  static let foreignCaptures = root.deletingLastPathComponent().appending(
    path: "shared/captures")

  /// The program under test: the one the environment names, else the one built with these tests.
  static let program: String = {
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
