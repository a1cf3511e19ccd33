import NetworkCore
import Octets
import Testing
import Wire

@Suite("Neighbours")
struct NeighborCacheTests {
  static let hardware = MACAddress(rawValue: 0x02_00_00_00_00_02)
  static let other = MACAddress(rawValue: 0x02_00_00_00_00_03)
  let peer = Packet.peer

  func host(_ number: Int) -> IPv4Address {
    IPv4Address(rawValue: IPv4Address(198, 18, 0, 0).rawValue + UInt32(number))
  }

  @Test("a packet waits, the question is asked once, the answer frees the packets in order")
  func askAndAnswer() {
    var cache = NeighborCache()
    #expect(cache.lookUp(peer, at: .start) == nil)
    #expect(cache.wait(for: peer, packet: [1], at: .start) == .waiting(mustAsk: true))
    #expect(cache.wait(for: peer, packet: [2], at: .start) == .waiting(mustAsk: false))
    #expect(cache.nextDeadline == .seconds(1))
    #expect(cache.learn(peer, Self.hardware, mayCreate: false, at: .seconds(0.5)) == [[1], [2]])
    #expect(cache.lookUp(peer, at: .seconds(0.5)) == Self.hardware)
    #expect(cache.wait(for: peer, packet: [3], at: .seconds(1)) == .known(Self.hardware))
    #expect(cache.nextDeadline == nil)
    #expect(cache.heldOctets == 0)
  }

  @Test("three questions a second apart, then the packets cannot be delivered")
  func giveUp() {
    var cache = NeighborCache()
    _ = cache.wait(for: peer, packet: [1], at: .start)
    for second in 1...2 {
      #expect(cache.deadlinePassed(at: .seconds(Double(second) - 0.01)).ask.isEmpty)
      let due = cache.deadlinePassed(at: .seconds(Double(second)))
      #expect(due.ask == [peer])
      #expect(due.undeliverable.isEmpty)
      #expect(cache.nextDeadline == .seconds(Double(second) + 1))
    }
    let due = cache.deadlinePassed(at: .seconds(3))
    #expect(due.ask.isEmpty)
    #expect(due.undeliverable == [[1]])
    #expect(cache.nextDeadline == nil)
    #expect(cache.count == 0)
    #expect(cache.heldOctets == 0)
    // The next packet begins anew.
    #expect(cache.wait(for: peer, packet: [2], at: .seconds(3)) == .waiting(mustAsk: true))
  }

  @Test("what is said unasked changes what is known, but adds nothing")
  func unsolicited() {
    var cache = NeighborCache()
    #expect(cache.learn(peer, Self.hardware, mayCreate: false, at: .start) == nil)
    #expect(cache.count == 0)
    _ = cache.learn(peer, Self.hardware, mayCreate: true, at: .start)
    #expect(cache.lookUp(peer, at: .start) == Self.hardware)
    // Gratuitous ARP: the host has moved.
    _ = cache.learn(peer, Self.other, mayCreate: false, at: .seconds(1))
    #expect(cache.lookUp(peer, at: .seconds(1)) == Self.other)
  }

  @Test(
    "no group and no zero is a neighbour's address",
    arguments: [0xFFFF_FFFF_FFFF, 0x01_00_5E_00_00_01, 0x03_00_00_00_00_00, 0])
  func groupAddress(raw: UInt64) {
    var cache = NeighborCache()
    _ = cache.wait(for: peer, packet: [1], at: .start)
    let freed = cache.learn(peer, MACAddress(rawValue: raw), mayCreate: true, at: .start)
    #expect(freed == nil)
    #expect(cache.lookUp(peer, at: .start) == nil)
  }

  @Test("a stale address is used while it is asked for, and an answer makes it fresh")
  func staleThenConfirmed() {
    var cache = NeighborCache()
    _ = cache.learn(peer, Self.hardware, mayCreate: true, at: .start)
    #expect(cache.lookUp(peer, at: .seconds(59)) == Self.hardware)
    #expect(cache.nextDeadline == nil)
    #expect(cache.lookUp(peer, at: .seconds(61)) == Self.hardware)
    #expect(cache.nextDeadline == .seconds(61))
    #expect(cache.deadlinePassed(at: .seconds(61)).ask == [peer])
    #expect(cache.lookUp(peer, at: .seconds(61.5)) == Self.hardware)
    _ = cache.learn(peer, Self.hardware, mayCreate: false, at: .seconds(61.6))
    #expect(cache.nextDeadline == nil)
    #expect(cache.lookUp(peer, at: .seconds(120)) == Self.hardware)
    #expect(cache.nextDeadline == nil)
  }

  @Test("a stale address is forgotten when nobody answers")
  func staleThenSilent() {
    var cache = NeighborCache()
    _ = cache.learn(peer, Self.hardware, mayCreate: true, at: .start)
    _ = cache.lookUp(peer, at: .seconds(61))
    var asked = 0
    while let deadline = cache.nextDeadline {
      asked += cache.deadlinePassed(at: deadline).ask.count
      #expect(asked < 4)
    }
    #expect(asked == 3)
    #expect(cache.lookUp(peer, at: .seconds(64)) == nil)
    #expect(cache.count == 0)
  }

  @Test("a change of the address is seen at once, although the last one is remembered")
  func recentIsDropped() {
    var cache = NeighborCache()
    _ = cache.learn(peer, Self.hardware, mayCreate: true, at: .start)
    #expect(cache.lookUp(peer, at: .start) == Self.hardware)
    _ = cache.learn(peer, Self.other, mayCreate: false, at: .start)
    #expect(cache.lookUp(peer, at: .start) == Self.other)
  }

  @Test("what waits for one neighbour is bounded, and the latest is kept")
  func pendingPerNeighbor() {
    var cache = NeighborCache()
    _ = cache.wait(for: peer, packet: [0], at: .start)
    var wasFull = false
    for number in 1...100 {
      let packet = [UInt8](repeating: UInt8(number), count: 1500)
      let outcome = cache.wait(for: peer, packet: packet, at: .start)
      if outcome == .dropped(.dropQueueFull) { wasFull = true }
      #expect(wasFull || outcome == .waiting(mustAsk: false))
      #expect(cache.heldOctets <= NeighborCache.pendingPerNeighbor)
    }
    #expect(wasFull)
    let freed = cache.learn(peer, Self.hardware, mayCreate: false, at: .start) ?? []
    #expect(freed.last?.first == 100)
    #expect(freed.map { $0[0] } == Array((101 - UInt8(freed.count))...100))
    #expect(freed.count > 40)
    #expect(cache.heldOctets == 0)
  }

  @Test("the largest datagram may wait in all its fragments")
  func wholeDatagramWaits() {
    var cache = NeighborCache()
    for number in 0..<45 {
      let packet = [UInt8](repeating: 0, count: 1500)
      #expect(cache.wait(for: peer, packet: packet, at: .start) == .waiting(mustAsk: number == 0))
    }
  }

  @Test("what waits for all is bounded")
  func pendingInTotal() {
    var cache = NeighborCache()
    var dropped = 0
    for number in 0..<200 {
      for _ in 0..<10 {
        let outcome = cache.wait(
          for: host(number), packet: [UInt8](repeating: 0, count: 1500), at: .start)
        if outcome == .dropped(.dropQueueFull) { dropped += 1 }
      }
      #expect(cache.heldOctets <= NeighborCache.pendingLimit)
    }
    #expect(dropped > 0)
    while let deadline = cache.nextDeadline { _ = cache.deadlinePassed(at: deadline) }
    #expect(cache.heldOctets == 0)
    #expect(cache.count == 0)
  }

  @Test("a scan cannot open questions without end")
  func questionsAreBounded() {
    var cache = NeighborCache()
    for number in 0..<1000 {
      let outcome = cache.wait(for: host(number), packet: [1], at: .start)
      #expect(
        outcome
          == (number < NeighborCache.questionLimit
            ? .waiting(mustAsk: true) : .dropped(.dropTableFull)))
    }
    #expect(cache.count == NeighborCache.questionLimit)
  }

  @Test("a flood of hosts that speak to us does not push out the one in use")
  func floodKeepsUsed() {
    var cache = NeighborCache()
    let guest = Packet.far
    _ = cache.learn(guest, Self.hardware, mayCreate: true, at: .start)
    #expect(cache.lookUp(guest, at: .start) == Self.hardware)
    _ = cache.wait(for: peer, packet: [1], at: .start)
    _ = cache.learn(peer, Self.hardware, mayCreate: false, at: .start)
    for number in 0..<5000 {
      _ = cache.learn(host(number), Self.other, mayCreate: true, at: .seconds(1))
      #expect(cache.count <= NeighborCache.limit)
    }
    #expect(cache.lookUp(peer, at: .seconds(2)) == Self.hardware)
    #expect(cache.lookUp(guest, at: .seconds(2)) == Self.hardware)
    #expect(cache.lookUp(host(4999), at: .seconds(2)) == Self.other)
  }

  @Test("many empty packets wait as one")
  func emptyPackets() {
    var cache = NeighborCache()
    #expect(cache.wait(for: peer, packet: [], at: .start) == .waiting(mustAsk: true))
    for _ in 0..<10_000 {
      #expect(cache.wait(for: peer, packet: [], at: .start) == .waiting(mustAsk: false))
    }
    #expect(cache.learn(peer, Self.hardware, mayCreate: false, at: .start) == [[]])
  }
}
