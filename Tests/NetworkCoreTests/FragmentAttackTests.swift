import NetworkCore
import Octets
import Testing
import Wire

/// Fragments that must never become a datagram.
struct Attack: Sendable, CustomTestStringConvertible {
  let testDescription: String
  let pieces: [Piece]
  /// What the last one causes.
  let rule: IPRule

  init(_ name: String, _ rule: IPRule, _ pieces: [Piece]) {
    testDescription = name
    self.pieces = pieces
    self.rule = rule
  }
}

@Suite("Fragments of malice")
struct FragmentAttackTests {
  static let overlaps: [Attack] = [
    Attack(
      "teardrop: the second lies within the first", .dropFragmentOverlap,
      [Piece(0..<32, more: true), Piece(24..<28, more: false)]),
    Attack(
      "bonk: the second begins inside and ends behind the first", .dropFragmentOverlap,
      [Piece(0..<32, more: true), Piece(24..<40, more: false)]),
    Attack(
      "boink: the first comes last", .dropFragmentOverlap,
      [Piece(24..<40, more: false), Piece(0..<32, more: true)]),
    Attack(
      "one octet too many", .dropFragmentOverlap,
      [Piece(8..<17, more: false), Piece(16..<24, more: true)]),
    Attack(
      "one around another", .dropFragmentOverlap,
      [Piece(16..<24, more: true), Piece(8..<32, more: true)]),
    Attack(
      "the same start, longer", .dropFragmentOverlap,
      [Piece(0..<8, more: true), Piece(0..<16, more: true)]),
    Attack(
      "the same start, shorter", .dropFragmentOverlap,
      [Piece(0..<16, more: true), Piece(0..<8, more: true)]),
    Attack(
      "the same end", .dropFragmentOverlap, [Piece(0..<16, more: true), Piece(8..<16, more: true)]),
    Attack(
      "the same place, other octets", .dropFragmentOverlap,
      [Piece(0..<16, more: true), Piece(0..<16, more: true, tint: 1)]),
    Attack(
      "the same place, now said to be the last", .dropFragmentOverlap,
      [Piece(0..<16, more: true), Piece(0..<16, more: false)]),
    Attack(
      "the same place, no longer said to be the last", .dropFragmentOverlap,
      [Piece(8..<16, more: false), Piece(8..<16, more: true)]),
    Attack(
      "nestea: across two others", .dropFragmentOverlap,
      [Piece(0..<16, more: true), Piece(16..<32, more: true), Piece(8..<24, more: true)]),
    Attack(
      "behind the end", .dropFragmentOverlap,
      [Piece(8..<16, more: false), Piece(16..<24, more: true)]),
    Attack(
      "an end before what has come", .dropFragmentOverlap,
      [Piece(32..<40, more: true), Piece(8..<16, more: false)]),
    Attack(
      "two ends", .dropFragmentOverlap, [Piece(8..<16, more: false), Piece(24..<32, more: false)]),
    Attack(
      "two ends, the nearer last", .dropFragmentOverlap,
      [Piece(24..<32, more: false), Piece(8..<16, more: false)]),
  ]

  @Test(
    "the whole is marked if a part is; a mark beside what may not be marked is a lie",
    arguments: [
      ([ECNCodepoint.ect0, .ce], ECNCodepoint.ce), ([.ce, .ect1], .ce), ([.ect0, .ect0], .ect0),
      ([.ect1, .ect1], .ect1), ([.ect0, .ect1], .ect0), ([.notECT, .ect0], .notECT),
      ([.notECT, .notECT], .notECT), ([.notECT, .ce], nil), ([.ce, .notECT], nil),
    ] as [([ECNCodepoint], ECNCodepoint?)])
  func codepoints(parts: [ECNCodepoint], whole: ECNCodepoint?) throws {
    var reassembler = IPv4Reassembler()
    let first = Piece(0..<8, more: true).packet().with { $0.ecn = parts[0] }
    let second = Piece(8..<16, more: false).packet().with { $0.ecn = parts[1] }
    #expect(try reassembler.take(first) == .waiting)
    let outcome = try reassembler.take(second)
    if let whole {
      #expect(outcome == .whole(pattern(0..<16)))
      #expect(reassembler.wholeCodepoint == whole)
    } else {
      #expect(outcome == .dropped(.dropFragmentCodepoint))
    }
    #expect(reassembler.heldOctets == 0)
  }

  @Test("an overlap ends the whole datagram", arguments: overlaps)
  func overlap(attack: Attack) throws {
    var reassembler = IPv4Reassembler()
    for piece in attack.pieces.dropLast() { #expect(try reassembler.take(piece) == .waiting) }
    let last = try #require(attack.pieces.last)
    #expect(try reassembler.take(last) == .dropped(attack.rule))
    #expect(reassembler.heldOctets == 0)
    // What would have made it whole comes too late.
    for piece in [Piece(0..<8, more: true), Piece(8..<64, more: false)] {
      #expect(try reassembler.take(piece) == .dropped(.dropFragmentOverlap))
    }
    // It was counted; nobody is told when its time is over.
    #expect(reassembler.deadlinePassed(at: .seconds(30)).isEmpty)
    #expect(reassembler.count == 0)
  }

  static let impossible: [Attack] = [
    Attack(
      "ping of death", .dropFragmentTooLong,
      [Piece(0..<1480, more: true), Piece(65_120..<66_600, more: false)]),
    Attack(
      "one octet too far", .dropFragmentTooLong,
      [Piece(0..<8, more: true), Piece(65_512..<65_516, more: false)]),
    Attack(
      "jolt: a last fragment far out", .dropFragmentTooLong,
      [Piece(65_528..<65_900, more: false)]),
    Attack(
      "the farthest offset", .dropFragmentTooLong, [Piece(65_528..<65_536, more: true)]),
    Attack(
      "no multiple of eight", .dropFragmentOddLength,
      [Piece(0..<8, more: true), Piece(8..<15, more: true)]),
    Attack("nothing in it", .dropFragmentOddLength, [Piece(0..<0, more: true)]),
    Attack("nothing in the last", .dropFragmentOddLength, [Piece(8..<8, more: false)]),
  ]

  @Test("impossible fragments go alone", arguments: impossible)
  func impossibleAlone(attack: Attack) throws {
    var reassembler = IPv4Reassembler()
    for piece in attack.pieces.dropLast() { _ = try reassembler.take(piece) }
    let last = try #require(attack.pieces.last)
    let held = reassembler.heldOctets
    #expect(try reassembler.take(last) == .dropped(attack.rule))
    #expect(reassembler.heldOctets == held)
    // The datagram itself is not hurt.
    for piece in [Piece(0..<8, more: true), Piece(8..<16, more: false)] where held < 200 {
      _ = try reassembler.take(piece)
    }
    if held < 200 { #expect(reassembler.count == 0) }
  }

  @Test("the largest datagram is possible, header and payload 65,535 octets")
  func largest() throws {
    var reassembler = IPv4Reassembler()
    #expect(try reassembler.take(Piece(32_768..<65_515, more: false)) == .waiting)
    #expect(try reassembler.take(Piece(0..<32_768, more: true)) == .whole(pattern(0..<65_515)))
  }

  @Test("a longer first header must not push the datagram beyond 65,535")
  func longFirstHeader() throws {
    var reassembler = IPv4Reassembler()
    #expect(try reassembler.take(Piece(32_768..<65_515, more: false)) == .waiting)
    let first = Piece(0..<32_768, more: true).packet(Packet(options: [1, 1, 1, 0]))
    #expect(try reassembler.take(first) == .dropped(.dropFragmentTooLong))
    #expect(reassembler.heldOctets == 0)
  }

  @Test("Rose: first and last of many datagrams cost no more than their octets")
  func rose() throws {
    var reassembler = IPv4Reassembler()
    for number in 0..<5000 {
      let template = Packet(identification: UInt16(number))
      _ = try reassembler.take(Piece(0..<32, more: true).packet(template))
      _ = try reassembler.take(Piece(64_800..<64_832, more: false).packet(template))
      #expect(reassembler.count <= 64)
      #expect(reassembler.heldOctets <= 64 * 2 * (32 + IPv4Reassembler.fragmentCost))
    }
    #expect(reassembler.takeEvicted() == 5000 - 64)
    #expect(reassembler.takeEvicted() == 0)
  }

  @Test("a flood from one host leaves the others their share")
  func fairness() throws {
    var reassembler = IPv4Reassembler()
    #expect(try reassembler.take(Piece(0..<16, more: true)) == .waiting)
    for number in 0..<3000 {
      let flood = Packet(identification: UInt16(number), source: Packet.far)
      _ = try reassembler.take(Piece(0..<1480, more: true).packet(flood))
    }
    #expect(try reassembler.take(Piece(16..<20, more: false)) == .whole(pattern(0..<20)))
  }

  @Test("one datagram that waits while thousands come together does not make anything grow")
  func bookkeeping() throws {
    var reassembler = IPv4Reassembler()
    #expect(try reassembler.take(Piece(0..<16, more: true)) == .waiting)
    for number in 0..<5000 {
      let template = Packet(identification: UInt16(number), source: Packet.far)
      #expect(try reassembler.take(Piece(8..<16, more: false).packet(template)) == .waiting)
      #expect(
        try reassembler.take(Piece(0..<8, more: true).packet(template))
          == .whole(pattern(0..<16)))
      #expect(reassembler.deadlineCount < 600)
    }
    #expect(reassembler.nextDeadline == .seconds(30))
    #expect(reassembler.count == 1)
  }

  @Test("an ended datagram is not counted a second time when it makes room")
  func evictedOnce() throws {
    var limits = IPv4Reassembler.Limits()
    limits.datagrams = 1
    var reassembler = IPv4Reassembler(limits: limits)
    _ = try reassembler.take(Piece(0..<16, more: true))
    #expect(try reassembler.take(Piece(8..<16, more: true)) == .dropped(.dropFragmentOverlap))
    let other = Packet(identification: 2)
    #expect(try reassembler.take(Piece(0..<16, more: true).packet(other)) == .waiting)
    #expect(reassembler.count == 1)
    #expect(reassembler.takeEvicted() == 0)
  }

  @Test("a flood from everywhere keeps within the bounds")
  func bounds() throws {
    var limits = IPv4Reassembler.Limits()
    limits.octets = 100_000
    limits.datagrams = 32
    var reassembler = IPv4Reassembler(limits: limits)
    var random = RandomSource.seeded(7)
    for number in 0..<20_000 {
      var packet = Packet(identification: UInt16.random(in: 0...99, using: &random))
      packet.source = IPv4Address(198, 51, 100, UInt8.random(in: 1...20, using: &random))
      let start = 8 * Int.random(in: 0...800, using: &random)
      let length = 8 * Int.random(in: 1...180, using: &random)
      let more = Int.random(in: 0..<4, using: &random) > 0
      let now = Instant(nanoseconds: Int64(number) * 5_000_000)
      _ = try reassembler.take(
        Piece(start..<(start + length), more: more).packet(packet), at: now)
      #expect(reassembler.count <= 32)
      #expect(reassembler.heldOctets <= 100_000)
      if let deadline = reassembler.nextDeadline, deadline <= now {
        _ = reassembler.deadlinePassed(at: now)
        #expect(reassembler.nextDeadline.map { $0 > now } ?? true)
      }
    }
    _ = reassembler.deadlinePassed(at: .seconds(1000))
    #expect(reassembler.count == 0)
    #expect(reassembler.heldOctets == 0)
    #expect(reassembler.nextDeadline == nil)
  }

  @Test("tiny fragments of one datagram are bounded in number")
  func tinyFragments() throws {
    var reassembler = IPv4Reassembler()
    for number in 0..<8000 {
      let start = number * 8
      let outcome = try reassembler.take(Piece(start..<(start + 8), more: true))
      #expect(outcome == (number < 512 ? .waiting : .dropped(.dropFragmentLimit)))
    }
    #expect(reassembler.heldOctets == 512 * (8 + IPv4Reassembler.fragmentCost))
  }

  @Test("a fragment that alone exceeds the bound leaves nothing behind")
  func tooMuchAtOnce() throws {
    var limits = IPv4Reassembler.Limits()
    limits.octets = 1000
    var reassembler = IPv4Reassembler(limits: limits)
    #expect(
      try reassembler.take(Piece(0..<800, more: true)) == .dropped(.dropFragmentLimit))
    #expect(reassembler.count == 0)
    #expect(reassembler.nextDeadline == nil)
  }

  @Test("mutated fragments never trap, and all memory comes back", arguments: 0..<20)
  func mutations(seed: Int) throws {
    var random = RandomSource.seeded(UInt64(seed))
    var reassembler = IPv4Reassembler()
    let pieces = ReassemblyTests.four
    for number in 0..<2000 {
      guard var octets = pieces.randomElement(using: &random)?.packet().octets else { continue }
      for _ in 0..<Int.random(in: 0...3, using: &random) {
        let place = Int.random(in: 0..<octets.count, using: &random)
        octets[place] = UInt8.random(in: 0...255, using: &random)
      }
      guard let view = try? IPv4PacketView(parsing: octets.span), view.isFragment else { continue }
      let now = Instant(nanoseconds: Int64(number) * 30_000_000)
      _ = IPv4Input.judge(view, addresses: IPv4InputTests.addresses, isLoopback: false)
      if case .whole(let payload) = reassembler.fragmentArrived(view, at: now) {
        #expect(payload.count <= 65_515)
        #expect((try? IPv4PacketView(quoted: reassembler.wholeQuote.span)) != nil)
      }
      for quote in reassembler.deadlinePassed(at: now) {
        #expect(quote.count <= ICMPErrorPolicy.quoteLength)
      }
    }
    _ = reassembler.deadlinePassed(at: .seconds(1000))
    #expect(reassembler.heldOctets == 0)
    #expect(reassembler.count == 0)
  }
}
