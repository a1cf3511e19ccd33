import Laboratory
import Octets
import Simulation
import Stack
import TCPCore
import Testing
import Wire

/// Runs: the same again, stepped through, and forked.
@Suite("recorded runs")
struct RunTests {
  @Test("the same run twice is the same, octet by octet", arguments: LaboratoryScene.allCases)
  func determinism(scene: LaboratoryScene) {
    let (one, two) = (scene.run(seed: 7).record(), scene.run(seed: 7).record())
    #expect(one == two)
    #expect(one.frames.count > 5)
    #expect(!one.isCutOff)
    #expect(one.frames != scene.run(seed: 8).record().frames, "a seed that changes nothing")
  }

  @Test("every packet of every scene has its reason", arguments: LaboratoryScene.allCases)
  func reasons(scene: LaboratoryScene) {
    for frame in scene.run().record().frames { #expect(frame.reason != nil, "\(frame)") }
  }

  @Test("one mail is delivered, and both ends go through the states of RFC 9293")
  func mail() throws {
    let recording = LaboratoryScene.mail.run().record()
    #expect(recording.mails.count == 1)
    #expect(
      recording.states(of: .client)
        == [.closed, .synSent, .established, .closeWait, .lastAck, .closed])
    #expect(
      recording.states(of: .server)
        == [.listen, .synReceived, .established, .finWait1, .finWait2, .timeWait, .closed])
    #expect(recording.count("timeWaitOver", at: .server) == 1)
  }

  @Test("a transfer is whole, whatever is lost", arguments: 1...20)
  func transfers(seed: UInt64) {
    let run = LaboratoryScene.lossy.run(seed: seed)
    let recording = run.record()
    #expect(recording.received.count == 60_000, "seed \(seed)")
    #expect(recording.frames.contains { !$0.fate.arrives })
    // An acknowledgment that is lost may need nothing; data that is lost goes again.
    let lostData = recording.frames.contains { !$0.fate.arrives && $0.segment.count > 0 }
    if lostData { #expect(recording.frames.contains { $0.segment.isRetransmission }) }
  }

  @Test("times never go back, packets are numbered from 1, and each is sent in one step")
  func order() {
    let recording = LaboratoryScene.lossy.run(seed: 3).record()
    var sent = 0
    var time = Duration.zero
    for moment in recording.moments {
      #expect(moment.time >= time)
      #expect(moment.sent.lowerBound == sent)
      for place in moment.sent { #expect(recording.frames[place].sentAt == moment.time) }
      for place in moment.arrivals {
        #expect((recording.frames[place].arrivesAt ?? .zero) <= moment.time)
      }
      sent = moment.sent.upperBound
      time = moment.time
    }
    #expect(sent == recording.frames.count)
    #expect(recording.frames.map(\.ordinal) == Array(1...sent))
    let arrivals = recording.moments.flatMap(\.arrivals)
    #expect(
      arrivals.sorted() == recording.frames.indices.filter { recording.frames[$0].fate.arrives })
  }

  @Test("a fork is the same up to the packet that it changes, and other behind it")
  func forks() throws {
    let run = LaboratoryScene.transfer.run()
    let recording = run.record()
    let chosen = try #require(recording.frames.first { $0.segment.count > 0 })
    let fork = run.forked(at: chosen.ordinal, .drop).record()
    for place in 0..<(chosen.ordinal - 1) { #expect(fork.frames[place] == recording.frames[place]) }
    #expect(fork.frames[chosen.ordinal - 1].octets == chosen.octets)
    #expect(fork.frames[chosen.ordinal - 1].fate == .intercepted)
    #expect(fork.received == recording.received)
    #expect(fork.frames.contains { $0.segment.isRetransmission })
    #expect(!recording.frames.contains { $0.segment.isRetransmission })
    // Taken back, it is the first run again.
    #expect(
      run.forked(at: chosen.ordinal, .drop).forked(at: chosen.ordinal, nil).record() == recording)
  }

  @Test("a packet that is held back is overtaken, and its number is reported by SACK")
  func delays() throws {
    let run = LaboratoryScene.transfer.run()
    let chosen = try #require(run.record().frames.first { $0.segment.count > 0 })
    let fork = run.forked(at: chosen.ordinal, .delay(.milliseconds(200))).record()
    #expect(fork.frames[chosen.ordinal - 1].fate == .heldBack)
    #expect(fork.count("queueOutOfOrder", at: .server) > 0)
    #expect(fork.received.count == 30_000)
  }

  @Test("an altered packet is dropped for its checksum, or does what it now says")
  func alterations() throws {
    let run = LaboratoryScene.transfer.run()
    let data = try #require(run.record().frames.first { $0.segment.count > 0 })
    func altered(_ alteration: Alteration, _ frame: RecordedFrame) throws -> Recording {
      let change: FrameIntervention = try #require(alteration.intervention(on: frame.octets))
      return run.forked(at: frame.ordinal, change).record()
    }
    let broken = try altered(.brokenBit, data)
    #expect(broken.count("dropTCPChecksum", at: .server) == 1)
    #expect(broken.received.count == 30_000)
    let reset = try altered(.forgedReset, data)
    #expect(reset.states(of: .server).last == .closed)
    #expect(reset.count("resetReceived", at: .server) == 1)
    let answer = try #require(
      run.record().frames.first { $0.sender == .server && $0.segment.acknowledgment ?? 0 > 1 })
    let closed = try altered(.closedWindow, answer)
    #expect(closed.frames[answer.ordinal - 1].fate == .altered)
    #expect(closed.received.count == 30_000)
    let later = try altered(.laterNumber, data)
    #expect(later.count("queueOutOfOrder", at: .server) > 0)
  }

  @Test("a slow reader with a small buffer closes the window, and it is probed")
  func slowReader() {
    let recording = LaboratoryScene.slow.run().record()
    #expect(recording.frames.contains { $0.sender == .server && $0.segment.window == 0 })
    #expect(recording.count("zeroWindowProbe", at: .client) > 0)
    #expect(recording.count("windowUpdate", at: .server) > 0)
    #expect(recording.received.count == 12_000)
  }

  @Test("a pooled connection carries all mails; without a pool each has its own")
  func pooling() {
    var run = LaboratoryScene.mail.run()
    run.clientHabit = .mailClient(mails: 5, isPooled: true)
    let pooled = run.record()
    run.clientHabit = .mailClient(mails: 5, isPooled: false)
    let fresh = run.record()
    #expect(pooled.mails.count == 5)
    #expect(fresh.mails == pooled.mails)
    #expect(pooled.frames.count { $0.segment.flags == .syn } == 1)
    #expect(fresh.frames.count { $0.segment.flags == .syn } == 5)
    #expect(fresh.frames.count > pooled.frames.count)
  }
}
