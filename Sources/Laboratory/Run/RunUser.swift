import Octets
import Stack
import TCPCore
import Wire

/// The user of one host: does what the inputs say, and what its habit is.
struct RunUser {
  /// One connection and what waits to be written to it.
  private struct Line {
    var socket: SocketID
    var waiting: [UInt8] = []
    /// How many of the waiting octets were written.
    var written = 0
    var isClosing = false
    var hasClosed = false
    var receiver: MailReceiver?
    var sender: MailSender?
  }

  let end: RunEnd
  let habit: RunHabit
  private var listener: SocketID?
  private var lines: [Line] = []
  private var mailsLeft = 0
  private var mailsSent = 0
  /// All that was read.
  private(set) var received: [UInt8] = []
  /// The mailbox.
  private(set) var mails: [[UInt8]] = []

  /// What is read is kept; long runs do without.
  private let keepsReceived: Bool

  init(_ end: RunEnd, _ habit: RunHabit, keepsReceived: Bool) {
    self.end = end
    self.habit = habit
    self.keepsReceived = keepsReceived
    if case .mailClient(let mails, _) = habit { mailsLeft = mails }
  }

  /// The latest connection.
  var current: SocketID? { lines.last?.socket }

  mutating func listen(
    at place: SocketAddress, _ options: ListenOptions, on stack: inout Stack
  ) throws(SocketError) {
    listener = try stack.listen(at: place, options: options)
  }

  mutating func connect(
    to place: SocketAddress, _ configuration: TCPConfiguration, on stack: inout Stack,
    at now: Instant
  ) {
    guard
      let socket = try? stack.connect(to: place, configuration: configuration, at: now)
    else { return }
    var line = Line(socket: socket)
    if case .mailClient(_, let isPooled) = habit {
      let count = isPooled ? mailsLeft : min(mailsLeft, 1)
      line.sender = MailSender(mails: count, from: mailsSent)
      mailsLeft -= count
      mailsSent += count
    }
    lines.append(line)
  }

  /// An input about the latest connection.
  mutating func act(_ action: UserAction, on stack: inout Stack, at now: Instant) {
    guard !lines.isEmpty else { return }
    let last = lines.count - 1
    switch action {
    case .open: break
    case .send(let octets): lines[last].waiting += octets
    case .read(let count): read(last, atMost: count, on: &stack, at: now)
    case .close: lines[last].isClosing = true
    case .abort:
      stack.abort(lines[last].socket, at: now)
      (lines[last].waiting, lines[last].written) = ([], 0)
    }
    write(last, on: &stack, at: now)
  }

  /// Does what can be done now.
  /// - Returns: whether the user wants another connection.
  mutating func react(on stack: inout Stack, at now: Instant) -> Bool {
    while stack.nextEvent() != nil {}
    if let listener {
      while let socket = (try? stack.accept(listener)) ?? nil {
        var line = Line(socket: socket)
        if habit == .mailServer { line.receiver = MailReceiver(at: now) }
        lines.append(line)
      }
    }
    var wantsMore = false
    for index in lines.indices {
      if habit != .waits { read(index, atMost: .max, on: &stack, at: now) }
      if stack.isAtEnd(lines[index].socket), habit == .mailServer || isMailClient {
        lines[index].receiver?.ended(at: now)
        lines[index].isClosing = true
      }
      if let receiver = lines[index].receiver { mails += receiver.newMails }
      lines[index].receiver?.newMails = []
      lines[index].waiting += lines[index].receiver?.takeOutput() ?? []
      lines[index].waiting += lines[index].sender?.takeOutput() ?? []
      if lines[index].receiver?.isClosed == true { lines[index].isClosing = true }
      let hadClosed = lines[index].hasClosed
      write(index, on: &stack, at: now)
      if isMailClient, !hadClosed, lines[index].hasClosed, mailsLeft > 0 { wantsMore = true }
    }
    return wantsMore
  }

  private var isMailClient: Bool { if case .mailClient = habit { true } else { false } }

  private mutating func read(
    _ index: Int, atMost limit: Int, on stack: inout Stack, at now: Instant
  ) {
    var left = limit
    while left > 0, stack.receivable(lines[index].socket) > 0 {
      let piece = try? stack.receive(lines[index].socket, at: now) { octets in
        let count = min(octets.count, left)
        return (count, [UInt8](copying: octets.extracting(first: count)))
      }
      guard let piece, !piece.isEmpty else { return }
      left -= piece.count
      if keepsReceived { received += piece }
      lines[index].receiver?.receive(piece, at: now)
      lines[index].sender?.receive(piece)
    }
  }

  private mutating func write(_ index: Int, on stack: inout Stack, at now: Instant) {
    let socket = lines[index].socket
    if !lines[index].waiting.isEmpty {
      // The octets stay as they are, so that copies of this user share them.
      let waiting = lines[index].waiting
      let rest = waiting.span.extracting(droppingFirst: lines[index].written)
      lines[index].written += (try? stack.send(socket, rest, at: now)) ?? 0
      if lines[index].written == waiting.count {
        (lines[index].waiting, lines[index].written) = ([], 0)
      }
    }
    // CLOSE in SYN-SENT would delete the connection (RFC 9293 3.10.4): this user waits.
    if lines[index].isClosing, lines[index].waiting.isEmpty, !lines[index].hasClosed,
      stack.state(socket).isSynchronized
    {
      lines[index].hasClosed = true
      stack.closeSending(socket, at: now)
    }
  }
}
