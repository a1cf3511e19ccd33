import Octets
import TCPCore
import Testing
import Wire

struct Transfer: Sendable, CustomTestStringConvertible {
  var seed: UInt64
  var faults: Faults
  var usesSACK = true
  var congestion = CongestionAlgorithm.cubic
  var usesTimestamps = true
  var mtu = 1500
  var buffer = 30_000
  var testDescription: String {
    "seed \(seed), \(faults), SACK \(usesSACK), \(congestion), timestamps \(usesTimestamps), "
      + "MTU \(mtu), buffers \(buffer)"
  }
}

/// Many networks, each with several seeds.
let transfers: [Transfer] = {
  let networks: [Faults] = [
    Faults(), Faults(superSegments: true), Faults(loss: 0.01), Faults(loss: 0.05),
    Faults(loss: 0.2), Faults(loss: 0.1, superSegments: true), Faults(duplication: 0.1),
    Faults(reordering: 0.2), Faults(loss: 0.05, duplication: 0.05, reordering: 0.1),
    Faults(loss: 0.1, duplication: 0.2, reordering: 0.3, superSegments: true),
  ]
  var list: [Transfer] = []
  for faults in networks {
    for seed in 1...24 {
      var transfer = Transfer(seed: UInt64(seed), faults: faults)
      transfer.usesSACK = seed % 3 != 0
      transfer.congestion = seed % 2 == 0 ? .reno : .cubic
      transfer.usesTimestamps = seed % 5 < 3
      transfer.mtu = seed % 4 == 3 ? 576 : 1500
      transfer.buffer = [30_000, 4000, 300_000, 9000][seed / 4 % 4]
      list.append(transfer)
    }
  }
  return list
}()

@Suite("Two connections over a faulty link")
struct TransferTests {
  @Test(
    "every octet arrives once and in order, both ways, and both ends close", arguments: transfers)
  func transfer(_ transfer: Transfer) throws {
    var configuration = TCPConfiguration()
    configuration.usesSACK = transfer.usesSACK
    configuration.congestion = transfer.congestion
    configuration.usesTimestamps = transfer.usesTimestamps
    configuration.sendBufferLimit = transfer.buffer
    configuration.receiveBufferLimit = transfer.buffer
    var pair = Pair(
      seed: transfer.seed, faults: transfer.faults, mtu: transfer.mtu, client: configuration,
      server: configuration)
    let total = 100_000
    var random = RandomSource.seeded(transfer.seed)
    let up = (0..<total).map { _ in UInt8.random(in: 0...255, using: &random) }
    let down = (0..<total / 2).map { _ in UInt8.random(in: 0...255, using: &random) }
    var upSent = 0
    var downSent = 0
    var upGot: [UInt8] = []
    var downGot: [UInt8] = []
    var steps = 0
    while true {
      steps += 1
      if steps > 100_000 { break }
      let now = pair.now
      if upSent < total, pair.client.state.maySend, pair.client.state != .synSent {
        upSent += try pair.client.send(up.span.extracting(upSent..<total), at: now)
        if upSent == total { pair.client.closeSending(at: now) }
      }
      downGot += readAll(&pair.client, at: now)
      _ = pair.withServer { server, now in
        upGot += readAll(&server, at: now)
        guard downSent < down.count, server.state.maySend else { return }
        downSent += (try? server.send(down.span.extracting(downSent..<down.count), at: now)) ?? 0
        if downSent == down.count { server.closeSending(at: now) }
      }
      pair.flush()
      let isStuck = pair.isStuck()
      #expect(!isStuck, "something waits for a timer that does not run")
      if isStuck || !pair.step() { break }
    }
    let clientState = pair.client.state
    let serverState = pair.withServer { server, _ in server.state }
    // Compared apart: a failed expectation would print them all.
    let isUpRight = upGot == up
    let isDownRight = downGot == down
    #expect(isUpRight, "octets to the server: \(upGot.count) of \(total) in \(steps) steps")
    #expect(isDownRight, "octets to the client: \(downGot.count) of \(down.count)")
    #expect(clientState == .closed)
    #expect(serverState == .closed)
    let reason = pair.client.closeReason
    #expect(reason == .finished)
    let memory = pair.client.info.bufferMemory
    #expect(memory == 0)
    if !isUpRight || !isDownRight || clientState != .closed {
      print(pair.log.suffix(30).joined(separator: "\n"))
    }
  }
}
