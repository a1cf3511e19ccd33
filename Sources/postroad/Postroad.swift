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
    subcommands: [Serve.self, Send.self, Replay.self, DrillScripts.self, Demo.self])
}
