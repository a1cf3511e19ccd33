import Mail
import Octets
import Stack
import TCPCore
import Wire

/// One mail: a client opens a connection, speaks SMTP, and both close.
struct MailScene: DemoScene {
  /// One end's connection and what waits to be written to it.
  private struct End {
    var socket: SocketID?
    var waiting: [UInt8] = []
    var isClosing = false
    var hasClosed = false
  }

  private static let message = """
    From: Ada <ada@example.net>
    To: Postmaster <postmaster@example.test>
    Subject: By our own road

    This mail went over a TCP that is written in Swift,
    .
    from the first SYN to the last ACK.
    """

  private var listener: SocketID?
  private var client = End()
  private var server = End()
  private var sending: SMTPClientSession?
  private var receiving: SMTPServerSession?
  private var kept = 0
  private var isDelivered = false

  var observed: SocketID? { client.socket }

  var outcome: String {
    isDelivered
      ? "the mail of \(kept) octets was kept by the server and answered 250"
      : "the mail was not delivered"
  }

  func isOver(in world: borrowing DemoWorld) -> Bool {
    guard let one = client.socket, let other = server.socket, client.hasClosed, server.hasClosed
    else { return false }
    let (a, b) = (world.client.state(one), world.server.state(other))
    return [.timeWait, .closed].contains(a) && [.timeWait, .closed].contains(b)
  }

  mutating func act(in world: inout DemoWorld) throws(SocketError) {
    let now = world.now
    if listener == nil { try open(in: &world) }
    if server.socket == nil, let listener, let socket = try world.server.accept(listener) {
      server.socket = socket
      receiving = Self.serverSession(at: now)
    }
    if let socket = server.socket { serve(socket, on: &world.server, at: now) }
    if let socket = client.socket, world.client.state(socket).isSynchronized {
      submit(socket, on: &world.client, at: now)
    }
  }

  private mutating func open(in world: inout DemoWorld) throws(SocketError) {
    let place = SocketAddress(DemoWorld.serverAddress, 25)
    listener = try world.server.listen(at: place)
    client.socket = try world.client.connect(to: place, at: world.now)
  }

  private static func serverSession(at now: Instant) -> SMTPServerSession? {
    guard let name = DomainName("post.example.test"), let domain = MailDomain("example.test")
    else { return nil }
    return SMTPServerSession(
      configuration: SMTPServerConfiguration(
        hostname: name, policy: RecipientPolicy(domains: [domain])),
      peer: "\(DemoWorld.clientAddress)", at: now)
  }

  private static func clientSession(at now: Instant) -> SMTPClientSession? {
    guard let from = MailAddress("ada@example.net"),
      let to = MailAddress("postmaster@example.test"), let name = MailDomain("ada.example.net")
    else { return nil }
    return SMTPClientSession(
      helloName: name,
      submission: SMTPSubmission(
        from: .address(from), to: [.address(to)], size: message.utf8.count),
      at: now)
  }

  private mutating func serve(_ socket: SocketID, on stack: inout Stack, at now: Instant) {
    guard var session = receiving else { return }
    let octets = Self.read(socket, on: &stack, at: now)
    if !octets.isEmpty { session.receive(octets.span, at: now) }
    if stack.isAtEnd(socket), !session.isClosed { session.streamEnded(at: now) }
    while let action = session.nextAction() {
      switch action {
      case .messageOctets(let octets): kept += octets.count
      case .endMessage: session.messageStored(.success("demo.1"), at: now)
      case .close: server.isClosing = true
      case .beginMessage, .abortMessage: break
      }
    }
    server.waiting += session.takeOutput()
    receiving = session
    Self.write(&server, socket, on: &stack, at: now)
  }

  private mutating func submit(_ socket: SocketID, on stack: inout Stack, at now: Instant) {
    guard var session = sending ?? Self.clientSession(at: now) else { return }
    let octets = Self.read(socket, on: &stack, at: now)
    if !octets.isEmpty { session.receive(octets.span, at: now) }
    if stack.isAtEnd(socket) {
      session.streamEnded(at: now)
      client.isClosing = true
    }
    while let action = session.nextAction() {
      switch action {
      case .sendMessage:
        session.message(Array(Self.message.utf8).span, at: now)
        session.endMessage(at: now)
      case .finished(let delivery): isDelivered = delivery.isComplete
      case .close: client.isClosing = true
      }
    }
    client.waiting += session.takeOutput()
    sending = session
    Self.write(&client, socket, on: &stack, at: now)
  }

  private static func read(
    _ socket: SocketID, on stack: inout Stack, at now: Instant
  ) -> [UInt8] {
    var all: [UInt8] = []
    while stack.receivable(socket) > 0 {
      let piece = try? stack.receive(socket, at: now) { octets in
        (octets.count, Array(copying: octets))
      }
      guard let piece, !piece.isEmpty else { break }
      all += piece
    }
    return all
  }

  private static func write(
    _ end: inout End, _ socket: SocketID, on stack: inout Stack, at now: Instant
  ) {
    if !end.waiting.isEmpty {
      let count = (try? stack.send(socket, end.waiting.span, at: now)) ?? 0
      end.waiting.removeFirst(count)
    }
    if end.isClosing, end.waiting.isEmpty, !end.hasClosed {
      end.hasClosed = true
      stack.closeSending(socket, at: now)
    }
  }
}
