import ArgumentParser
import Foundation
import Frames
import Logging
import Mail
import MailService
import MailStore
import Octets
import ServiceLifecycle
import Sockets
import Stack
import TCPCore
import UnixSignals
import Wire

/// Puts device, stack, sockets, mail and store together, and takes them apart in order.
enum MailHost {
  /// Serves until SIGTERM or SIGINT.
  static func run(_ settings: ServeSettings) async throws {
    // Who reads our diagnostics may go away; that is no reason to drop the mail under way.
    signal(SIGPIPE, SIG_IGN)
    raiseFileLimit()
    guard let name = settings.tun, let ours = settings.address,
      let kernel = settings.kernelAddress
    else { return }
    let configuration = try mailConfiguration(settings)
    let store = try openStore(settings.maildir, configuration.hostname)
    let feed = settings.explains ? ReasonFeed() : nil
    var logger = Logger(label: "postroad")
    logger.logLevel = .warning
    let (host, recording) = try openHost(
      name, ours: ours, kernel: kernel, settings: settings, feed: feed, logger: logger)
    defer { host.stop() }
    do {
      var small: [Task<Void, Never>] = []
      for service in settings.services {
        small.append(
          try await service.start(
            on: host, configuration: settings.tcp, daytime: daytime))
      }
      var options = ListenOptions()
      options.backlog = 1024
      options.handshakes = 1024
      let listener = try await host.listen(
        at: SocketAddress(.any, settings.smtpPort), options: options)
      let server = SMTPServer(
        source: TCPListenerSource(listener), configuration: configuration, store: store,
        maximumSessions: settings.maximumSessions,
        maximumSessionsPerPeer: settings.maximumSessionsPerPeer, logger: logger)
      var services: [any Service] = [DeviceWatch(host: host), ReadyNotice(), server]
      if let feed { services.insert(Explainer(feed: feed), at: 0) }
      let group = ServiceGroup(
        configuration: ServiceGroupConfiguration(
          services: services.map {
            .init(
              service: $0, successTerminationBehavior: .gracefullyShutdownGroup,
              failureTerminationBehavior: .cancelGroup)
          },
          gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet))
      try await group.run()
      for task in small { task.cancel() }
    } catch let error where error is SocketError || error is FrameError {
      try? recording?.finish()
      throw complain("\(error)")
    }
    await settle(host)
    host.stop()
    for line in feed?.take() ?? [] { note(line) }
    do throws(CaptureError) {
      try recording?.finish()
    } catch {
      throw complain("\(error)")
    }
  }

  /// Each large message under way is an open file, and there may be as many as sessions: the soft limit
  /// is meant for programs with few (and select(2)).
  private static func raiseFileLimit() {
    var limit = rlimit()
    let files = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
    guard unsafe getrlimit(files, &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    _ = unsafe setrlimit(files, &limit)
  }

  /// A host on the device, and the recording of it if one is wanted.
  static func openHost(
    _ name: String, ours: IPv4Prefix, kernel: IPv4Address, settings: ServeSettings,
    feed: ReasonFeed? = nil, logger: Logger = quiet
  ) throws -> (host: NetworkHost, recording: Recording?) {
    var stack = StackConfiguration()
    stack.tcp = settings.tcp
    // A recording says why, too.
    stack.explains = settings.explains || settings.capture != nil
    let device = try TunnelSetup.open(name, ours: ours, kernel: kernel)
    let interface = InterfaceConfiguration(
      name: name, mtu: TunnelSetup.mtu(of: name), addresses: [ours])
    /// The outermost device hears every reason, and tells those within.
    func host(_ device: consuming some FrameDevice & ~Copyable & Sendable) -> NetworkHost {
      guard let feed else {
        return NetworkHost(
          device: device, interface: interface, gateway: kernel, configuration: stack,
          logger: logger)
      }
      return NetworkHost(
        device: ExplainingDevice(device, feed: feed), interface: interface, gateway: kernel,
        configuration: stack, logger: logger)
    }
    guard let path = settings.capture else { return (host(device), nil) }
    let (descriptor, offload) = (device.descriptor, device.offload)
    do throws(CaptureError) {
      let recording = try Recording(device, path: path)
      let recorded = RecordedDevice(
        recording: recording, descriptor: descriptor, offload: offload)
      return (host(recorded), recording)
    } catch {
      throw complain("\(error)")
    }
  }

  private static func openStore(_ path: String, _ hostname: DomainName) throws -> Maildir {
    do throws(MaildirOpenError) {
      return try Maildir(path: path, hostname: hostname)
    } catch {
      throw complain("\(error)")
    }
  }

  private static func mailConfiguration(
    _ settings: ServeSettings
  ) throws -> SMTPServerConfiguration {
    let name = settings.hostname ?? machineName
    guard let hostname = DomainName(name) else {
      throw complain(
        "the machine's name '\(name)' is no domain name: say --hostname NAME", .failure)
    }
    let domains = settings.domains.isEmpty ? [name] : settings.domains
    let mailboxes =
      settings.mailboxes.isEmpty ? nil : settings.mailboxes.compactMap { LocalPart($0) }
    var configuration = SMTPServerConfiguration(
      hostname: hostname,
      policy: RecipientPolicy(
        domains: domains.compactMap { MailDomain($0) }, mailboxes: mailboxes))
    configuration.limits.messageOctets = settings.maximumSize
    configuration.timeouts.command = .seconds(settings.idleTimeout)
    configuration.timeouts.dataBlock = .seconds(settings.idleTimeout)
    configuration.timeouts.greetingDelay = .seconds(settings.greetingDelay)
    configuration.pipelining = settings.pipelining
    configuration.normalizedClients = settings.normalizedClients
    return configuration
  }

  /// The machine's name, or `localhost` where it has none that could be a domain.
  static var machineName: String {
    let name = ProcessInfo.processInfo.hostName
    return ServeSettings.isDomain(name) ? name : "localhost"
  }

  private static var quiet: Logger {
    var logger = Logger(label: "postroad.lifecycle")
    logger.logLevel = .critical
    return logger
  }

  /// What was closed still travels: waits, not long, until nothing is under way any more.
  static func settle(_ host: NetworkHost) async {
    for _ in 0..<20 where await host.hasUnfinishedConnections {
      try? await Task.sleep(for: .milliseconds(25))
    }
  }

  /// The time in words, as daytime tells it. Source: RFC 867.
  private static let daytime: @Sendable () -> String = {
    MailDate(secondsSince1970: Int64(Date().timeIntervalSince1970)).description
  }
}

/// Ends the serving when there is no more device to serve on.
private struct DeviceWatch: Service {
  let host: NetworkHost

  func run() async throws {
    try await cancelWhenGracefulShutdown {
      for await failure in host.deviceFailures { throw failure }
      // The host was stopped, or everything ends.
    }
  }
}

/// Says that connections are accepted, as soon as signals are heeded too.
private struct ReadyNotice: Service {
  func run() async throws {
    note("postroad: ready")
    try? await gracefulShutdown()
  }
}

/// Tells each packet, and why, on standard error.
private struct Explainer: Service {
  let feed: ReasonFeed

  func run() async throws {
    try? await cancelWhenGracefulShutdown {
      while true {
        for line in feed.take() { note(line) }
        try await Task.sleep(for: .milliseconds(50))
      }
    }
  }
}
