import ArgumentParser
import Foundation
import Mail
import MailService
import Sockets
import Stack
import Wire

/// `postroad send`: submits one message, over our own stack or the kernel's.
struct Send: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Submit a message that is read from standard input or a file.",
    discussion: """
      Goes over a stack of our own on a TUN device (--tun and --address, as for 'serve'), or over \
      the kernel's TCP (--kernel). Lines may end in LF or CR LF. Exit codes: 0 accepted for every recipient, \
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
    if tun == nil, address != nil || peer != nil {
      let option = address != nil ? "--address" : "--peer"
      throw ValidationError("\(option) is for our own stack, with --tun, and not for --kernel")
    }
    if let hostname, MailDomain(hostname) == nil {
      throw ValidationError("--hostname must be a domain name, not '\(hostname)'")
    }
    do throws(SettingError) {
      _ = try settings()
      _ = try endpoint()
    } catch {
      throw ValidationError(error.sentence)
    }
    for (option, text) in [("--from", from)] + to.map({ ("--to", $0) })
    where !(option == "--from" && text.isEmpty) && MailAddress(text) == nil {
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

  func run() async throws {
    let message = try readMessage()
    noteLongLine(message)
    let (host, port) = try endpoint()
    let addresses = SendRoute.addresses(of: host)
    if addresses.isEmpty { throw complain("cannot find the address of \(host)", .unavailable) }
    let name = hostname ?? MailHost.machineName
    guard let helloName = MailDomain(name) else {
      throw complain("'\(name)' is no domain name", .validationFailure)
    }
    let recipients = to.compactMap { MailAddress($0) }.map { ForwardPath.address($0) }
    let submission = SMTPSubmission(
      from: MailAddress(from).map { .address($0) } ?? .null, to: recipients,
      size: SMTPSubmission.travelSize(of: message), isEightBit: message.contains { $0 > 127 })
    let route = SendRoute(
      addresses: addresses, submission: submission, message: message, helloName: helloName,
      note: note)
    switch kernel ? await overKernel(route, port) : try await overTunnel(route, port) {
    case .untried: return
    case .unreachable(let reason): throw complain(reason, .unavailable)
    case .answered(let delivery, let isFinal): try report(delivery, isFinal: isFinal)
    }
  }

  private func overKernel(_ route: SendRoute, _ port: UInt16) async -> SendRoute.Ending {
    await route.deliver { (address, limit) async throws in
      try await KernelStream.connect(to: address.rawValue, port: port, within: limit)
    }
  }

  private func overTunnel(_ route: SendRoute, _ port: UInt16) async throws -> SendRoute.Ending {
    guard let settings = try settings(), let name = settings.tun, let ours = settings.address,
      let kernel = settings.kernelAddress
    else { return .untried }
    let (host, _) = try MailHost.openHost(name, ours: ours, kernel: kernel, settings: settings)
    defer { host.stop() }
    let ending = await route.deliver { (address, limit) async throws in
      do {
        return try await Self.connect(host, to: SocketAddress(address, Port(port)), within: limit)
      } catch {
        throw Unreachable(description: "cannot connect to \(address):\(port): \(error)")
      }
    }
    await MailHost.settle(host)
    return ending
  }

  private static func connect(
    _ host: NetworkHost, to end: SocketAddress, within limit: Duration
  ) async throws -> TCPStream {
    do {
      return try await withDeadline(limit) { try await host.connect(to: end) }
    } catch is DeadlineExceeded {
      throw Unreachable(description: "no answer in \(limit.components.seconds) s")
    }
  }

  private struct Unreachable: Error, CustomStringConvertible {
    let description: String
  }

  /// One sentence for each recipient that did not get it; the exit code says the worst.
  /// - Parameter isFinal: whether a refusal is the last word, or another address may say otherwise.
  private func report(_ delivery: SMTPDelivery?, isFinal: Bool) throws {
    guard let delivery else { throw complain("the session ended early", .tryLater) }
    var code = ExitCode.success
    for (recipient, outcome) in delivery.outcomes {
      switch outcome {
      case .delivered: continue
      case .permanent(let failure):
        note("error: \(recipient): \(failure)")
        if isFinal || code == .failure { code = .failure } else { code = .tryLater }
      case .transient(let failure):
        note("error: \(recipient): \(failure)")
        if code == .success { code = .tryLater }
      }
    }
    if code != .success { throw code }
  }

  /// What is too long for the standard is sent all the same, as most servers take it; but said.
  private func noteLongLine(_ message: [UInt8]) {
    let lines = message.split(omittingEmptySubsequences: false) { $0 == 10 }
    guard let place = lines.firstIndex(where: { $0.count - ($0.last == 13 ? 1 : 0) > 998 }) else {
      return
    }
    note(
      "note: line \(place + 1) of the message is longer than the 998 octets of RFC 5322; "
        + "the server may refuse it")
  }

  private func readMessage() throws -> [UInt8] {
    let place = file ?? "standard input"
    let message: Data
    do {
      var input = FileHandle.standardInput
      if let file {
        input = try FileHandle(forReadingFrom: URL(filePath: file))
      } else if isatty(STDIN_FILENO) == 1 {
        note("type the message; Ctrl-D on an empty line ends it")
      }
      message = try input.readToEnd() ?? Data()
    } catch {
      throw complain("cannot read the message in \(place)")
    }
    guard !message.isEmpty else { throw complain("there is no message in \(place)") }
    return Array(message)
  }
}
