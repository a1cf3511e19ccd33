import Foundation
import ProgramRunner
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

/// Runs one check of a script beside this file, in a process and a namespace of its own.
func check(
  _ script: String, _ name: String, at location: SourceLocation = #_sourceLocation
) async throws {
  let here = URL(filePath: #filePath).deletingLastPathComponent()
  let path = here.appending(path: "Scripts/\(script).py").path
  let done = try await run(
    "/usr/bin/env", ["python3", "-B", path, name],
    environment: ["POSTROAD_BINARY": Places.program])
  if done.status == 77 { try Test.cancel("\(done.output)", sourceLocation: location) }
  #expect(
    done.status == 0, "\(script).py \(name):\n\(done.output)\(done.errors)",
    sourceLocation: location)
}
