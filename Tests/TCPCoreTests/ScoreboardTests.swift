import Octets
import Testing
import Wire

@testable import TCPCore

/// The scoreboard, against one that keeps every packet apart and walks over all of them.
@Suite("The scoreboard")
struct ScoreboardTests {
  struct Packet: Hashable {
    var sentAt: Instant
    var isSACKed = false
    var isLost = false
    var isAgain = false
    var wasAgain = false
    var mustGoAgain: Bool { isLost && !isAgain }
  }

  /// Packets of ten octets each, and what is known of them.
  struct Model {
    static let size = 10
    var edge = SequenceNumber(0xFFFF_F000)
    var packets: [Packet] = []

    func start(_ index: Int) -> SequenceNumber { edge + Self.size * index }
    func octets(_ isCounted: (Packet) -> Bool) -> Int {
      packets.count(where: isCounted) * Self.size
    }

    mutating func markLost(_ index: Int) {
      guard !packets[index].isSACKed else { return }
      packets[index].isLost = true
      packets[index].isAgain = false
    }
  }

  var model = Model()
  var scoreboard = Scoreboard()
  var now = Instant.start

  mutating func send(_ count: Int) {
    for _ in 0..<count {
      let start = model.start(model.packets.count)
      scoreboard.sent(start, start + Model.size, isPushed: false, at: now)
      model.packets.append(Packet(sentAt: now))
    }
  }

  mutating func sendAgain(_ index: Int) {
    _ = scoreboard.sentAgain(model.start(index), model.start(index + 1), at: now)
    model.packets[index].sentAt = now
    model.packets[index].isAgain = true
    model.packets[index].wasAgain = true
  }

  /// What is lost goes again, in order.
  mutating func repair(_ count: Int) {
    for _ in 0..<count {
      let lost = scoreboard.firstLost(joining: Model.size)
      let index = model.packets.firstIndex { $0.mustGoAgain }
      #expect(lost?.start == index.map { model.start($0) })
      guard let index else { return }
      sendAgain(index)
    }
  }

  mutating func sack(_ range: Range<Int>) {
    var delivery = Delivery()
    scoreboard.sack(
      model.start(range.lowerBound), model.start(range.upperBound), size: Model.size,
      highestBefore: nil, &delivery)
    let news = range.filter { !model.packets[$0].isSACKed }
    #expect(delivery.octets == news.count * Model.size)
    for index in news {
      model.packets[index].isSACKed = true
      model.packets[index].isLost = false
      model.packets[index].isAgain = false
    }
  }

  mutating func acknowledge(_ count: Int) {
    var delivery = Delivery()
    scoreboard.acknowledge(to: model.start(count), highestBefore: nil, &delivery)
    #expect(
      delivery.octets == model.packets[..<count].count { !$0.isSACKed } * Model.size)
    model.edge = model.start(count)
    model.packets.removeFirst(count)
  }

  /// RFC 8985 section 6.2 step 5, as it stands there: over everything.
  mutating func detect(latest: Departure, age: Int64) {
    let now = now
    scoreboard.markLost(sentBefore: latest) { now.nanoseconds(since: $0.sentAt) >= age }
    for (index, packet) in model.packets.enumerated() {
      if packet.isSACKed || packet.mustGoAgain { continue }
      let departure = Departure(at: packet.sentAt, end: model.start(index + 1))
      if latest.isLater(than: departure), now.nanoseconds(since: packet.sentAt) >= age {
        model.markLost(index)
      }
    }
  }

  /// The peer has thrown away what it had: all is lost.
  mutating func renege() {
    scoreboard.forgetSACKs()
    for index in scoreboard.segments.indices { scoreboard.markLost(index) }
    for index in model.packets.indices {
      model.packets[index].isSACKed = false
      model.markLost(index)
    }
  }

  mutating func forgive() {
    scoreboard.unmarkLost()
    for index in model.packets.indices { model.packets[index].isLost = false }
  }

  func compare() {
    #expect(scoreboard.sackedOctets == model.octets { $0.isSACKed })
    #expect(scoreboard.sackedPackets == model.packets.count { $0.isSACKed })
    #expect(scoreboard.lostOctets == model.octets { $0.isLost })
    #expect(scoreboard.againOctets == model.octets { $0.isAgain })
    #expect(scoreboard.outstanding == model.octets { _ in true })
    var place = model.edge
    var hadSACK = false
    for segment in scoreboard.segments.map({ $0 }) {
      #expect(segment.start == place)
      place = segment.end
      let isSACKed = segment.marks.contains(.sacked)
      #expect(!(isSACKed && hadSACK), "neighbours that the peer has are one")
      hadSACK = isSACKed
      let first = model.edge.distance(to: segment.start) / Model.size
      for packet in model.packets[first..<first + segment.count / Model.size] {
        #expect(packet.isSACKed == isSACKed)
        #expect(packet.isLost == segment.marks.contains(.lost))
        #expect(packet.isAgain == segment.marks.contains(.again))
        if !isSACKed, !packet.mustGoAgain { #expect(packet.sentAt == segment.sentAt) }
      }
    }
    // Copies of which nothing more can be learnt take no memory for long.
    #expect(scoreboard.copies.count <= 2 * scoreboard.segments.count + 65)
  }

  @Test(
    "it agrees with a walk over everything, whatever happens",
    arguments: 1...40 as ClosedRange<UInt64>)
  mutating func walk(_ seed: UInt64) {
    var random = RandomSource.seeded(seed)
    for _ in 0..<400 {
      if Int.random(in: 0..<3, using: &random) > 0 {
        now = now.advanced(byNanoseconds: .random(in: 1...20, using: &random))
      }
      let count = model.packets.count
      switch Int.random(in: 0..<100, using: &random) {
      case 0..<25: send(.random(in: 1...8, using: &random))
      case 25..<45: repair(.random(in: 1...4, using: &random))
      case 45..<65 where count > 0:
        let first = Int.random(in: 0..<count, using: &random)
        sack(first..<min(count, first + .random(in: 1...6, using: &random)))
      case 65..<75 where count > 0:
        acknowledge(.random(in: 1...max(1, count / 4), using: &random))
      case 75..<95 where count > 0:
        let packet = model.packets[Int.random(in: 0..<count, using: &random)]
        let end = model.start(.random(in: 1...count, using: &random))
        detect(
          latest: Departure(at: packet.sentAt, end: end), age: .random(in: 0...60, using: &random))
      case 95..<97 where count > 0 && model.packets.last?.isSACKed == false: sendAgain(count - 1)
      // Not both: what was thrown away has left at one time then, as far as we know.
      case 97: if seed % 2 == 0 { renege() } else { forgive() }
      default: break
      }
      compare()
    }
  }

  @Test("what the peer has in one piece is one segment, so no acknowledgment walks over it")
  mutating func runs() {
    send(60_000)
    for index in stride(from: 1, to: 60_000, by: 2) where index % 100 > 1 {
      sack(index..<index + 1)
      if index % 1000 > 3 { sack(index - 1..<index) }
    }
    // 600 holes of two packets, 60 of them preceded by two lost ones that are apart.
    #expect(scoreboard.segments.count < 2000)
    #expect(scoreboard.sackedPackets > 58_000)
  }

  @Test(
    "full segments have places of their own as far as the send buffer reaches; small ones don't")
  func room() {
    var scoreboard = Scoreboard()
    var small = Scoreboard()
    let start = SequenceNumber(0xFFFF_0000)
    for index in 0..<20_000 {
      scoreboard.sent(start + 1000 * index, start + 1000 * (index + 1), isPushed: false, at: .start)
      small.sent(start + 100 * index, start + 100 * (index + 1), isPushed: false, at: .start)
    }
    #expect(scoreboard.segments.count == 20_000)
    #expect(small.segments.count == Scoreboard.limit)
    #expect(small.outstanding == 2_000_000)
  }

  @Test("a record's end stays where it is among what the peer has")
  func records() {
    var scoreboard = Scoreboard()
    let start = SequenceNumber(1)
    for index in 0..<4 {
      scoreboard.sent(
        start + 10 * index, start + 10 * (index + 1), isPushed: false, endsRecord: index == 1,
        at: .start)
    }
    var delivery = Delivery()
    scoreboard.sack(start, start + 40, size: 10, highestBefore: nil, &delivery)
    #expect(scoreboard.segments.map(\.end) == [start + 20, start + 40])
    // Of a part that is acknowledged so many packets are taken off.
    scoreboard.acknowledge(to: start + 30, highestBefore: nil, &delivery)
    #expect(scoreboard.sackedPackets == 1)
    #expect(scoreboard.sackedOctets == 10)
  }

  @Test("what is acknowledged in part leaves nothing below SND.UNA, where no split has room")
  func bound() {
    var scoreboard = Scoreboard()
    let start = SequenceNumber(0xFFFF_FF00)
    for index in 0..<Scoreboard.limit {
      scoreboard.sent(start + 10 * index, start + 10 * index + 10, isPushed: false, at: .start)
    }
    var delivery = Delivery()
    scoreboard.acknowledge(to: start + 13, highestBefore: nil, &delivery)
    scoreboard.sent(
      start + 10 * Scoreboard.limit, start + 10 * Scoreboard.limit + 10, isPushed: false,
      at: .start)
    #expect(scoreboard.segments.count == Scoreboard.limit)
    scoreboard.acknowledge(to: start + 17, highestBefore: nil, &delivery)
    #expect(scoreboard.segments.first?.start == start + 17)
    #expect(delivery.octets == 17)
    scoreboard.markLost(0)
    #expect(scoreboard.lostOctets == 3)
    #expect(scoreboard.firstLost(joining: 10)?.start == start + 17)
    scoreboard.acknowledge(to: start + 19, highestBefore: nil, &delivery)
    #expect(scoreboard.lostOctets == 1)
  }
}
