public import Mail
import Octets
import Sockets

/// Hands one message to a mail server over a stream.
public enum SMTPClient {
  /// Octets of the message given at once.
  static let pieceSize = 65_536

  /// Delivers a message; never throws: what went wrong is in the outcome for each recipient.
  ///
  /// The stream is closed afterwards.
  public static func deliver(
    _ submission: SMTPSubmission, message: [UInt8], helloName: MailDomain,
    timeouts: SMTPClientTimeouts = SMTPClientTimeouts(), over stream: some ByteStream
  ) async -> SMTPDelivery? {
    let clock = MonotonicClock()
    var session = SMTPClientSession(
      helloName: helloName, submission: submission, timeouts: timeouts, at: clock.now)
    var delivery: SMTPDelivery?
    do {
      while true {
        while let action = session.nextAction() {
          switch action {
          case .sendMessage: try await send(message, in: &session, over: stream, clock)
          case .finished(let result): delivery = result
          case .close: break
          }
        }
        let output = session.takeOutput()
        if !output.isEmpty {
          try await write(output, in: &session, over: stream, clock)
          continue
        }
        if session.isClosed { break }
        let limit = session.nextDeadline.map { $0 - clock.now } ?? .seconds(300)
        let read = try await wait(
          within: limit, for: stream, { try await stream.read(atMost: pieceSize) })
        switch read {
        case .none: session.deadlinePassed(at: session.nextDeadline ?? clock.now)
        case .some(let octets) where octets.isEmpty: session.streamEnded(at: clock.now)
        case .some(let octets): session.receive(octets.span, at: clock.now)
        }
      }
      try? await stream.closeSending()
    } catch {
      // A server that has had enough of a message may say why, and close: that is there to be read.
      await hearLastWords(in: &session, over: stream, clock)
      session.streamEnded(at: clock.now)
      while let action = session.nextAction() {
        if case .finished(let result) = action { delivery = result }
      }
    }
    await stream.close()
    return delivery
  }

  private static func hearLastWords(
    in session: inout SMTPClientSession, over stream: some ByteStream, _ clock: MonotonicClock
  ) async {
    let end = clock.now + .seconds(2)
    while !session.isClosed, !Task.isCancelled,
      let octets = try? await wait(
        within: end - clock.now, for: stream, { try await stream.read(atMost: pieceSize) }),
      !octets.isEmpty
    {
      session.receive(octets.span, at: clock.now)
    }
  }

  private static func send(
    _ message: [UInt8], in session: inout SMTPClientSession, over stream: some ByteStream,
    _ clock: MonotonicClock
  ) async throws {
    var start = 0
    while start < message.count, !session.isClosed {
      let end = min(start + pieceSize, message.count)
      session.message(message.span.extracting(start..<end), at: clock.now)
      start = end
      let output = session.takeOutput()
      if !output.isEmpty { try await write(output, in: &session, over: stream, clock) }
    }
    session.endMessage(at: clock.now)
  }

  /// Writes what the session says; a server that does not take it in time is given up.
  private static func write(
    _ output: [UInt8], in session: inout SMTPClientSession, over stream: some ByteStream,
    _ clock: MonotonicClock
  ) async throws {
    let limit = session.nextDeadline.map { $0 - clock.now } ?? .seconds(300)
    let written: Void? = try await wait(
      within: limit, for: stream, { try await stream.write(output) })
    if written == nil { session.deadlinePassed(at: session.nextDeadline ?? clock.now) }
  }

  /// Reads or writes, but not for longer than `limit`; nil when the time is over.
  private static func wait<Value: Sendable>(
    within limit: Duration, for stream: some ByteStream,
    _ body: @escaping @Sendable () async throws -> Value
  ) async throws -> Value? {
    do {
      return try await withDeadline(limit, body)
    } catch is DeadlineExceeded {
      // What was half written or half read is of no more use.
      await stream.abort()
      return nil
    }
  }
}
