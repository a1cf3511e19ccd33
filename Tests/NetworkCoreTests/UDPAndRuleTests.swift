import NetworkCore
import Octets
import Testing
import Wire

@Suite("The queue of a UDP socket")
struct UDPSocketStateTests {
  static let local = SocketAddress(Packet.us, 7)
  static let remote = SocketAddress(Packet.peer, 40_000)

  func datagram(_ octets: [UInt8]) -> ReceivedDatagram {
    ReceivedDatagram(source: Self.remote, destination: Self.local, octets: octets)
  }

  @Test("datagrams come out in order, each with its sender, and empty ones too")
  func inOrder() {
    var state = UDPSocketState(local: Self.local)
    #expect(state.isEmpty)
    let none = state.next()
    #expect(none == nil)
    for octets: [UInt8] in [[1, 2], [], [3]] { #expect(state.deliver(datagram(octets)) == true) }
    #expect(!state.isEmpty)
    #expect(state.next() == datagram([1, 2]))
    #expect(state.next() == datagram([]))
    #expect(state.next() == datagram([3]))
    let end = state.next()
    #expect(end == nil)
    #expect(state.isEmpty)
  }

  @Test("a full queue refuses, and takes again after a read", arguments: [0, 1, 100, 1400])
  func bounded(size: Int) {
    let limit = 16_384
    var state = UDPSocketState(local: Self.local, limit: limit)
    var taken = 0
    while state.deliver(datagram([UInt8](repeating: 1, count: size))) {
      taken += 1
      #expect(taken * (size + 64) <= limit)
      if taken * (size + 64) > limit { return }
    }
    #expect(taken == limit / (size + 64))
    let first = state.next()
    #expect(first != nil)
    #expect(state.deliver(datagram([UInt8](repeating: 2, count: size))) == true)
    #expect(state.deliver(datagram([UInt8](repeating: 3, count: size))) == false)
  }

  @Test("the largest datagram fits an empty queue")
  func largest() {
    var state = UDPSocketState(local: Self.local)
    #expect(state.deliver(datagram([UInt8](repeating: 0, count: 65_507))) == true)
  }

  @Test("bound to any address, to one, or connected: who gets a datagram")
  func accepts() {
    let any = UDPSocketState(local: SocketAddress(.any, 7))
    let one = UDPSocketState(local: Self.local)
    var connected = one
    connected.remote = Self.remote
    let elsewhere = SocketAddress(Packet.far, 7)
    let stranger = SocketAddress(Packet.far, 40_000)
    #expect(any.accepts(from: stranger, at: elsewhere))
    #expect(any.accepts(from: stranger, at: Self.local))
    #expect(!any.accepts(from: stranger, at: SocketAddress(Packet.us, 8)))
    #expect(one.accepts(from: stranger, at: Self.local))
    #expect(!one.accepts(from: stranger, at: elsewhere))
    #expect(connected.accepts(from: Self.remote, at: Self.local))
    #expect(!connected.accepts(from: stranger, at: Self.local))
    #expect(!connected.accepts(from: SocketAddress(Packet.peer, 40_001), at: Self.local))
    #expect(any.specificity < one.specificity)
    #expect(one.specificity < connected.specificity)
  }

  static let errors: [(ICMPv4Kind, Bool)] = [
    (.unreachable(code: 3, nextHopMTU: 0), true), (.unreachable(code: 0, nextHopMTU: 0), false),
    (.unreachable(code: 1, nextHopMTU: 0), false), (.unreachable(code: 2, nextHopMTU: 0), false),
    (.unreachable(code: 4, nextHopMTU: 1400), false), (.timeExceeded(code: 0), false),
    (.timeExceeded(code: 1), false), (.parameterProblem(code: 0, pointer: 1), false),
    (.sourceQuench, false),
  ]

  @Test("only a port unreachable from its peer reaches the user of a connected socket")
  func errorArrives() {
    for (kind, isHeard) in Self.errors {
      var connected = UDPSocketState(local: Self.local)
      connected.remote = Self.remote
      let stranger = SocketAddress(Packet.far, 40_000)
      #expect(connected.errorArrived(kind, about: stranger) == false)
      #expect(connected.takeRefusal() == false)
      #expect(connected.errorArrived(kind, about: Self.remote) == isHeard, "\(kind)")
      #expect(connected.takeRefusal() == isHeard)
      #expect(connected.takeRefusal() == false)
      var free = UDPSocketState(local: Self.local)
      #expect(free.errorArrived(kind, about: Self.remote) == false)
      #expect(free.takeRefusal() == false)
    }
  }
}

@Suite("Rules")
struct RuleTests {
  func check<Rule: ProtocolRule>(_ type: Rule.Type) {
    var sentences: Set<String> = []
    for rule in Rule.allCases {
      #expect(rule.source.hasPrefix("RFC "), "\(rule)")
      #expect(rule.sentence.count > 10, "\(rule)")
      #expect(!rule.sentence.hasSuffix("."), "\(rule)")
      #expect(
        rule.sentence.first?.isUppercase != true || rule.sentence.hasPrefix("ICMP"), "\(rule)")
      if "\(rule)".hasPrefix("drop") || "\(rule)".hasPrefix("error") {
        #expect(rule.effect == .drops, "\(rule)")
      } else {
        #expect(rule.effect != .drops || "\(rule)" == "giveUp", "\(rule)")
      }
      sentences.insert(rule.sentence)
    }
    // A reader can tell them apart.
    #expect(sentences.count == Rule.allCases.count)
  }

  @Test("each has a source, a sentence of its own, and the effect that its name promises")
  func complete() {
    check(IPRule.self)
    check(ICMPRule.self)
    check(ARPRule.self)
    check(UDPRule.self)
  }
}
