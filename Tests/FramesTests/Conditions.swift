import Foundation
import Testing

/// What a test needs from the machine it runs on.
enum Machine {
  static func has(_ tool: String) -> Bool {
    ["/usr/bin/", "/usr/sbin/", "/bin/", "/sbin/"].contains {
      FileManager.default.isExecutableFile(atPath: $0 + tool)
    }
  }

  static let captures: String? = {
    var places: [String] = []
    if let named = ProcessInfo.processInfo.environment["POSTROAD_SHARED_CAPTURES"] {
      places.append(named)
    }
    var folder = URL(fileURLWithPath: #filePath).resolvingSymlinksInPath()
    for _ in 0..<4 {
      folder.deleteLastPathComponent()
      places.append(folder.appendingPathComponent("shared/captures").path)
    }
    return places.first { FileManager.default.fileExists(atPath: $0) }
  }()

  /// Runs a tool to its end, and gives its status and everything it printed.
  static func run(_ tool: String, _ arguments: [String]) throws -> (status: Int32, text: String) {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [tool] + arguments
    process.standardOutput = output
    process.standardError = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return (process.terminationStatus, String(decoding: data, as: UTF8.self))
  }
}

extension Trait where Self == ConditionTrait {
  /// The right to make network namespaces and TUN devices.
  static var needsTUN: Self {
    .enabled(
      if: geteuid() == 0 && FileManager.default.fileExists(atPath: "/dev/net/tun")
        && Machine.has("ip"), "needs root, /dev/net/tun and ip")
  }

  /// A program in the usual folders.
  static func needsTool(_ name: String) -> Self {
    .enabled(if: Machine.has(name), "needs \(name)")
  }

  /// The folder of captures beside the repository.
  static var needsCaptures: Self {
    .enabled(if: Machine.captures != nil, "needs ../shared/captures or POSTROAD_SHARED_CAPTURES")
  }
}
