import ArgumentParser

/// The program: mail over our own TCP/IP.
@main
struct Postroad: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "postroad",
    abstract: "Mail over our own TCP, over our own IP.",
    discussion: """
      Begin with 'postroad demo': it needs no rights and no devices, and draws the whole way of \
      one mail. Exit codes: 0 done, 1 failed, 64 wrong usage, 69 peer cannot be reached, 75 try \
      again later.
      """,
    subcommands: [Serve.self, Send.self, Replay.self, DrillScripts.self, Demo.self, Lab.self])

  static func main() async {
    do {
      var command = try parseAsRoot()
      if var command = command as? any AsyncParsableCommand {
        try await command.run()
      } else {
        try command.run()
      }
    } catch {
      leave(error)
    }
  }

  /// Ends with the error's exit code; wrong usage is said in one sentence, and where to read more.
  private static func leave(_ error: any Error) -> Never {
    guard exitCode(for: error) == .validationFailure, !(error is ExitCode) else {
      exit(withError: error)
    }
    let sentence = message(for: error)
    note("error: " + sentence.prefix(1).lowercased() + sentence.dropFirst())
    let names = configuration.subcommands.map { $0._commandName }
    let name = CommandLine.arguments.dropFirst().first.flatMap { names.contains($0) ? $0 : nil }
    note("see '\((["postroad", name, "--help"]).compactMap(\.self).joined(separator: " "))'")
    exit(withError: ExitCode.validationFailure)
  }
}
