import Octets
import Testing

@Suite("The Internet checksum")
struct InternetChecksumTests {
  @Test("the example of RFC 1071 section 3 sums to ddf2")
  func rfcExample() {
    let octets: [UInt8] = [0x00, 0x01, 0xF2, 0x03, 0xF4, 0xF5, 0xF6, 0xF7]
    var sum = InternetChecksum()
    sum.add(octets.span)
    #expect(sum.folded == 0xDDF2)
    #expect(sum.value == ~0xDDF2)
  }

  /// The definition, word by word.
  func slowSum(_ octets: [UInt8]) -> UInt16 {
    var sum: UInt32 = 0
    for index in stride(from: 0, to: octets.count, by: 2) {
      let low = index + 1 < octets.count ? octets[index + 1] : 0
      sum += UInt32(octets[index]) << 8 | UInt32(low)
      sum = (sum & 0xFFFF) + (sum >> 16)
    }
    return UInt16(sum)
  }

  @Test("pieces of any length sum like the whole", arguments: 0..<200)
  func pieces(seed: Int) {
    var random = RandomSource.seeded(UInt64(seed))
    let octets = (0..<Int.random(in: 0...300, using: &random)).map { _ in
      UInt8.random(in: 0...255, using: &random)
    }
    var sum = InternetChecksum()
    var place = 0
    while place < octets.count {
      let length = Int.random(in: 1...(octets.count - place), using: &random)
      sum.add(octets.span.extracting(place..<(place + length)))
      place += length
    }
    let expected = slowSum(octets)
    // Zero has two forms in ones' complement.
    #expect(sum.folded % 0xFFFF == expected % 0xFFFF)
  }

  @Test("header fields sum like their octets, after an odd piece too")
  func words() {
    let odd: [UInt8] = [0xAB]
    var fields = InternetChecksum()
    fields.add(odd.span)
    fields.add(word: 0x1234)
    fields.add(long: 0xDEAD_BEEF)
    #expect(fields.folded == slowSum([0xAB, 0x12, 0x34, 0xDE, 0xAD, 0xBE, 0xEF]))
  }

  @Test("65,535 octets of ones do not overflow")
  func longest() {
    var sum = InternetChecksum()
    let octets = [UInt8](repeating: 0xFF, count: 65_534)
    for _ in 0..<100 { sum.add(octets.span) }
    #expect(sum.folded == 0xFFFF)
  }
}

@Suite("The ring of octets")
struct RingBufferTests {
  @Test("random writes, reads and growth keep every octet in order", arguments: 0..<50)
  func model(seed: Int) {
    var random = RandomSource.seeded(UInt64(seed))
    var ring = RingBuffer(limit: Int.random(in: 1...20_000, using: &random))
    var model: [UInt8] = []
    for _ in 0..<300 {
      if Bool.random(using: &random) {
        let length = Int.random(in: 0...3000, using: &random)
        let octets = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
        let taken = ring.append(octets.span)
        #expect(taken == min(length, ring.limit - model.count))
        model += octets.prefix(taken)
      } else {
        let length = Int.random(in: 0...model.count, using: &random)
        var read: [UInt8] = []
        while read.count < length {
          let part = ring.contiguous(at: read.count, count: length - read.count)
          read += [UInt8](copying: part)
        }
        #expect(read == Array(model.prefix(length)))
        ring.consume(length)
        model.removeFirst(length)
        if model.isEmpty { ring.shrink() }
      }
      #expect(ring.count == model.count)
    }
  }

  @Test("octets written past the end wait in place, through growth, until they count")
  func outOfOrder() {
    var ring = RingBuffer(limit: 100_000)
    #expect(ring.append([1, 2, 3].span) == 3)
    ring.consume(2)
    #expect(ring.write([9, 9].span, at: 3) == 2)
    #expect(ring.count == 1)
    #expect(ring.write([7].span, at: 90_000) == 1)
    #expect(ring.write([4, 5].span, at: 1) == 2)
    ring.extend(by: 4)
    #expect([UInt8](copying: ring.contiguous(at: 0, count: 5)) == [3, 4, 5, 9, 9])
  }

  @Test("a ring is not extended or read beyond what it holds, however far")
  func beyond() async {
    await #expect(processExitsWith: .failure) {
      var ring = RingBuffer(limit: 10)
      _ = ring.append([1, 2, 3].span)
      ring.extend(by: .max)
    }
    await #expect(processExitsWith: .failure) {
      var ring = RingBuffer(limit: 10)
      _ = ring.append([1, 2, 3].span)
      _ = ring.contiguous(at: .max, count: 3).count
    }
  }

  @Test("nothing is written past the limit, and an empty ring holds no memory")
  func limit() {
    var ring = RingBuffer(limit: 10)
    #expect(ring.capacity == 0)
    #expect(ring.write([1, 2, 3].span, at: 8) == 2)
    #expect(ring.write([1].span, at: 10) == 0)
    ring.shrink()
    #expect(ring.capacity == 0)
  }
}

@Suite("The pool of frames")
struct FramePoolTests {
  @Test("a small frame takes a small buffer, and both come back")
  func sizes() throws {
    let pool = FramePool(smallLimit: 2, largeLimit: 1)
    do {
      var small = try lease(pool, 1500)
      let large = try lease(pool, 65_535)
      small.append([2, 3].span)
      small.prepend([1].span)
      #expect([UInt8](copying: small.octets) == [1, 2, 3])
      #expect(pool.smallLeased == 1)
      #expect(pool.largeLeased == 1)
      let isEmpty = large.count == 0
      #expect(isEmpty)
      let refused = pool.lease(forAtLeast: 65_535) == nil
      #expect(refused)
      #expect(pool.refusals == 1)
    }
    #expect(pool.smallLeased == 0)
    #expect(pool.largeLeased == 0)
  }

  @Test("a pool lives as long as its last lease")
  func lifetime() throws {
    weak var seen: FramePool?
    do {
      var kept: Frame? = nil
      do {
        let pool = FramePool()
        seen = pool
        kept = pool.lease(forAtLeast: 10)
      }
      #expect(seen != nil)
      _ = kept.take()
    }
    #expect(seen == nil)
  }

  @Test(
    "sizes that no buffer has are refused, however large",
    arguments: [(Int.max, 64), (1, Int.max), (Int.max, Int.max), (-1, 64), (1, -1), (69_632, 1)])
  func impossible(_ octets: Int, _ headroom: Int) {
    let pool = FramePool()
    let refused = pool.lease(forAtLeast: octets, headroom: headroom) == nil
    #expect(refused)
    #expect(pool.refusals == 1)
  }

  @Test("an append beyond the buffer takes what fits")
  func overfull() throws {
    let pool = FramePool()
    var frame = try lease(pool, 100)
    let spare = frame.spare
    #expect(frame.append([UInt8](repeating: 1, count: 5000).span) == spare)
    frame.truncate(to: 10)
    frame.removeFirst(4)
    #expect(frame.count == 6)
  }
}

private struct NoFrame: Error {}

private func lease(_ pool: FramePool, _ octets: Int) throws -> Frame {
  guard let frame = pool.lease(forAtLeast: octets) else { throw NoFrame() }
  return frame
}

/// An element that says when it ends.
private struct Tenant: ~Copyable {
  let number: Int
  let ended: Ended
  deinit { ended.numbers.append(number) }
}

private final class Ended { var numbers: [Int] = [] }

@Suite("The slab")
struct SlabTests {
  @Test("a stale handle never finds a later tenant")
  func generations() {
    let ended = Ended()
    do {
      var slab = Slab<Tenant>()
      let first = slab.insert(Tenant(number: 1, ended: ended))
      let number = slab.withElement(first) { $0.number }
      #expect(number == 1)
      _ = slab.remove(first)
      #expect(ended.numbers == [1])
      let second = slab.insert(Tenant(number: 2, ended: ended))
      #expect(second.index == first.index)
      let isStale = !slab.contains(first)
      #expect(isStale)
      let stale = slab.withElement(first) { $0.number }
      #expect(stale == nil)
      for number in 3..<200 { _ = slab.insert(Tenant(number: number, ended: ended)) }
      #expect(slab.count == 198)
    }
    #expect(ended.numbers.sorted() == Array(1..<200))
  }
}

private enum SampleRule: UInt8, ProtocolRule {
  case one, two
  var source: String { "RFC 0" }
  var sentence: String { "a rule of the tests" }
  var effect: RuleEffect { self == .one ? .drops : .sends }
}

@Suite("The ledger of rules")
struct RuleLedgerTests {
  @Test("every case is counted, and reported only when asked")
  func counting() {
    var ledger = RuleLedger<SampleRule>()
    ledger.note(.one)
    ledger.isReporting = true
    ledger.note(.two, 5, 6)
    #expect(ledger.count(.one) == 1)
    #expect(ledger.count(RuleEffect.sends) == 1)
    #expect(ledger.takeReports() == [RuleReport(rule: .two, first: 5, second: 6)])
    #expect(ledger.takeReports().isEmpty)
  }

  @Test("reports are bounded")
  func bound() {
    var ledger = RuleLedger<SampleRule>()
    ledger.isReporting = true
    for _ in 0..<10_000 { ledger.note(.one) }
    #expect(ledger.omittedReports == 10_000 - RuleLedger<SampleRule>.maximumReports)
    #expect(ledger.takeReports().count == RuleLedger<SampleRule>.maximumReports)
    #expect(ledger.omittedReports == 0)
    #expect(ledger.count(.one) == 10_000)
  }
}

@Suite("Small things")
struct SmallThingsTests {
  @Test("instants saturate instead of overflowing")
  func instants() {
    #expect(Instant.distantFuture + .seconds(1) == .distantFuture)
    #expect(Instant.start + .milliseconds(1) - Instant.start == .milliseconds(1))
    #expect(Duration.seconds(Int64.max).wholeNanoseconds == .max)
    let before = Instant(nanoseconds: -5)
    #expect(before.advanced(byNanoseconds: .min) == Instant(nanoseconds: .min))
    #expect(before - .seconds(Int64.max) == Instant(nanoseconds: .min))
    #expect(Instant.start - .seconds(Int64.min) == .distantFuture)
  }

  @Test("big-endian numbers are written as they are read")
  func bigEndian() {
    let octets = [UInt8](capacity: 6) { output in
      output.append(bigEndian: 0xDEAD_BEEF as UInt32)
      output.append(bigEndian: 0x0102 as UInt16)
    }
    #expect(octets.span.uint32(at: 0) == 0xDEAD_BEEF)
    #expect(octets.span.uint16(at: 4) == 0x0102)
    let eight: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    #expect(eight.span.uint64(at: 0) == 0x0102_0304_0506_0708)
  }

  @Test("a hexdump shows offset, octets and characters")
  func dump() {
    #expect(
      hexdump(Array("EHLO x\r\n".utf8).span)
        == "0000  45 48 4c 4f 20 78 0d 0a                           EHLO x..\n")
  }

  @Test("a hexdump's offsets go on behind 65,535")
  func longDump() {
    let lines = hexdump([UInt8](repeating: 0, count: 65_552).span).split(separator: "\n")
    #expect(lines.count == 4097)
    #expect(lines.last?.hasPrefix("10000  00") == true)
    #expect(lines[4095].hasPrefix("fff0  00"))
  }

  @Test("the same seed gives the same numbers")
  func seeds() {
    var first = RandomSource.seeded(1)
    var second = RandomSource.seeded(1)
    var other = RandomSource.seeded(2)
    let number = first.next()
    #expect(number == second.next())
    #expect(number != other.next())
  }
}
