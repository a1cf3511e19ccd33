import ArgumentParser
import Foundation

import Wire

/// `postroad send`: submits one message, over our own stack or the kernel's.
struct Send: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Submit a message that is read from standard input or a file.",
    discussion: """
      Goes over a stack of our own on a TUN device (--tun and --address), or over the kernel's \
      TCP (--kernel). Lines may end in LF or CR LF. Exit codes: 0 accepted for every recipient, \
      1 refused for good, 64 wrong usage, 69 the server cannot be reached, 75 try again later.
      """)

  @Option(help: ArgumentHelp("The sender; an empty text is the null path.", valueName: "a"))
  var from: String

  @Option(help: ArgumentHelp("A recipient; may be repeated.", valueName: "b"))
  var to: [String]

  @Option(help: ArgumentHelp("The server, port 25 if not said.", valueName: "host[:port]"))
  var server: String

  @Option(help: ArgumentHelp("The TUN device of our own stack.", valueName: "name"))
  var tun: String?

  @Option(help: ArgumentHelp("Our own address and its prefix length.", valueName: "a/p"))
  var address: String?

  @Option(
    help: ArgumentHelp("The kernel's address, with --tun (default: the next).", valueName: "a"))
  var peer: String?

  @Flag(help: "Use the kernel's TCP.")
  var kernel = false

  @Option(help: ArgumentHelp("Our name in EHLO (default: the machine's).", valueName: "name"))
  var hostname: String?

  @Argument(help: ArgumentHelp("The message (default: standard input).", valueName: "file"))
  var file: String?

  func validate() throws {
    if to.isEmpty { throw ValidationError("--to is missing: at least one recipient") }
    if kernel == (tun != nil) {
      throw ValidationError("say how to get there: either --tun NAME --address A/P, or --kernel")
    }
    do throws(SettingError) {
      _ = try settings()
      _ = try endpoint()
    } catch {
      throw ValidationError(error.sentence)
    }
    for (option, text) in [("--from", from)] + to.map({ ("--to", $0) })
    where !(option == "--from" && text.isEmpty) && !MessageSubmission.isAddress(text) {
      throw ValidationError(
        "\(option) must be a mail address such as me@example.net, not '\(text)'")
    }
  }

  /// The host's name or address, and the port.
  func endpoint() throws(SettingError) -> (host: String, port: UInt16) {
    let parts = server.split(separator: ":", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), !parts[0].isEmpty,
      let port = parts.count == 2 ? UInt16(parts[1]) : 25, port > 0
    else {
      throw SettingError(sentence: "--server must be HOST or HOST:PORT, not '\(server)'")
    }
    return (String(parts[0]), port)
  }

  /// The settings of our own stack, where one is wanted.
  func settings() throws(SettingError) -> ServeSettings? {
    guard let tun else { return nil }
    var settings = ServeSettings()
    try settings.set("tun", to: tun)
    if let address { try settings.set("address", to: address) }
    if let peer { try settings.set("peer", to: peer) }
    try settings.check()
    return settings
  }
}
