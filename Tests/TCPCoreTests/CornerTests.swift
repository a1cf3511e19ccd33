import Octets
import TCPCore
import Testing
import Wire

@Suite("Corners: both at once, and a connection to itself (RFC 9293 appendix A)")
struct CornerTests {
  private static let networks: [Faults] = [
    Faults(), Faults(loss: 0.2), Faults(duplication: 0.3, reordering: 0.5),
    Faults(loss: 0.2, duplication: 0.2, reordering: 0.3),
  ]

  @Test(
    "two opens and two closes that cross", .requirement("RFC 9293 MUST-10"), arguments: networks,
    1...25 as ClosedRange<UInt64>)
  func crossing(_ faults: Faults, _ seed: UInt64) {
    var pair = Pair(seed: seed, faults: faults)
    pair.openServer()
    let message = Script.stream(0, 5000)
    var clientSent = 0
    var serverSent = 0
    var clientGot: [UInt8] = []
    var serverGot: [UInt8] = []
    for _ in 0..<20_000 {
      if pair.client.state.isSynchronized, clientSent < message.count {
        clientSent +=
          (try? pair.client.send(message.span.extracting(droppingFirst: clientSent), at: pair.now))
          ?? 0
        if clientSent == message.count { pair.client.closeSending(at: pair.now) }
      }
      clientGot += readAll(&pair.client, at: pair.now)
      _ = pair.withServer { server, now in
        serverGot += readAll(&server, at: now)
        guard server.state.isSynchronized, serverSent < message.count else { return }
        serverSent +=
          (try? server.send(message.span.extracting(droppingFirst: serverSent), at: now)) ?? 0
        if serverSent == message.count { server.closeSending(at: now) }
      }
      pair.flush()
      let isStuck = pair.isStuck()
      #expect(!isStuck)
      if !pair.step() { break }
    }
    #expect(clientGot == message)
    #expect(serverGot == message)
    let states = [pair.client.state, pair.withServer { server, _ in server.state }]
    #expect(states == [.closed, .closed])
    let reason = pair.client.closeReason
    #expect(reason == .finished)
  }

  @Test("a connection to itself opens, carries data and closes")
  func itself() {
    let ends = TCPEndpoints(local: Script.ends.local, remote: Script.ends.local)
    var connection = TCPConnection(
      opening: ends, initialSequence: Script.ourStart, pathMTU: 1500,
      configuration: TCPConfiguration(), at: .start)
    var ledger = RuleLedger<TCPRule>()
    var now = Instant.start
    let message = Script.stream(0, 20_000)
    var sent = 0
    var got: [UInt8] = []
    for _ in 0..<2000 {
      now = now.advanced(byNanoseconds: 1_000_000)
      if connection.state == .established, sent < message.count {
        sent += (try? connection.send(message.span.extracting(droppingFirst: sent), at: now)) ?? 0
        if sent == message.count { connection.closeSending(at: now) }
      }
      guard let segment = connection.nextSegment(limits: SegmentLimits(), at: now, ledger: &ledger)
      else {
        got += readAll(&connection, at: now)
        guard let deadline = connection.nextDeadline else { break }
        now = max(now, deadline)
        connection.deadlinePassed(at: now, ledger: &ledger)
        continue
      }
      let octets = [UInt8](capacity: 60 + segment.payloadCount) { output in
        segment.header.emit(into: &output)
        var place = 0
        while place < segment.payloadCount {
          let part = connection.payload(of: segment, from: place)
          output.append(copying: part)
          place += part.count
        }
      }
      if let view = try? TCPSegmentView(parsing: octets.span) {
        connection.segmentArrived(view, at: now, ledger: &ledger)
      }
    }
    #expect(got == message)
    let state = connection.state
    let reason = connection.closeReason
    #expect(state == .closed)
    #expect(reason == .finished)
  }

  @Test("windows of both sides closed at once are probed and open again")
  func simultaneousProbes() {
    var configuration = TCPConfiguration()
    configuration.receiveBufferLimit = 3000
    configuration.sendBufferLimit = 20_000
    var pair = Pair(client: configuration, server: configuration)
    let message = Script.stream(0, 20_000)
    var isSent = false
    for _ in 0..<400 {
      if pair.client.state == .established, !isSent {
        isSent = true
        let taken = try? pair.client.send(message.span, at: pair.now)
        #expect(taken == 20_000)
        _ = pair.withServer { server, now in _ = try? server.send(message.span, at: now) }
      }
      _ = pair.step()
      if pair.now > Instant(nanoseconds: 100_000_000_000) { break }
    }
    let clientWindow = pair.client.info.sendWindow
    let serverWindow = pair.withServer { server, _ in server.info.sendWindow }
    #expect(clientWindow == 0 && serverWindow == 0)
    #expect(pair.ledger.count(.zeroWindowProbe) > 6)
    // Both read: everything comes.
    var clientGot: [UInt8] = []
    var serverGot: [UInt8] = []
    for _ in 0..<400 {
      clientGot += readAll(&pair.client, at: pair.now)
      _ = pair.withServer { server, now in serverGot += readAll(&server, at: now) }
      _ = pair.step()
    }
    #expect(clientGot == message)
    #expect(serverGot == message)
  }
}
