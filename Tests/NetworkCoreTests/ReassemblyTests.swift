import NetworkCore
import Octets
import Testing
import Wire

/// Every order of a few things.
func permutations<Element>(_ elements: [Element]) -> [[Element]] {
  guard elements.count > 1 else { return [elements] }
  return elements.indices.flatMap { index in
    var rest = elements
    let first = rest.remove(at: index)
    return permutations(rest).map { [first] + $0 }
  }
}

@Suite("Fragments become datagrams")
struct ReassemblyTests {
  static let four = [
    Piece(0..<16, more: true), Piece(16..<24, more: true), Piece(24..<64, more: true),
    Piece(64..<69, more: false),
  ]

  @Test("in every order", arguments: permutations(four))
  func everyOrder(pieces: [Piece]) throws {
    var reassembler = IPv4Reassembler()
    for piece in pieces.dropLast() { #expect(try reassembler.take(piece) == .waiting) }
    #expect(try reassembler.take(pieces[3]) == .whole(pattern(0..<69)))
    #expect(reassembler.count == 0)
    #expect(reassembler.heldOctets == 0)
    #expect(reassembler.nextDeadline == nil)
  }

  @Test("each piece may come twice, in every order", arguments: permutations(four))
  func repeated(pieces: [Piece]) throws {
    var reassembler = IPv4Reassembler()
    for piece in pieces.dropLast() {
      #expect(try reassembler.take(piece) == .waiting)
      #expect(try reassembler.take(piece) == .waiting)
    }
    #expect(try reassembler.take(pieces[3]) == .whole(pattern(0..<69)))
  }

  @Test("any split in any order gives the original, or nothing", arguments: 0..<300)
  func property(seed: Int) throws {
    var random = RandomSource.seeded(UInt64(seed))
    let length = Int.random(in: 1...65_515, using: &random)
    let original = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
    var pieces: [Piece] = []
    var start = 0
    while start < length {
      let step = 8 * Int.random(in: 16...1100, using: &random)
      let end = min(length, start + step)
      pieces.append(Piece(start, Array(original[start..<end]), more: end < length))
      start = end
    }
    pieces.shuffle(using: &random)
    let lost = seed % 3 == 0 ? Int.random(in: 0..<pieces.count, using: &random) : nil
    // A whole packet is no fragment, so it may well be taken twice.
    if seed % 2 == 0, pieces.count > 1, let twice = pieces.randomElement(using: &random) {
      pieces.append(twice)
    }
    var reassembler = IPv4Reassembler()
    var whole: [[UInt8]] = []
    for (index, piece) in pieces.enumerated() where index != lost {
      if case .whole(let octets) = try reassembler.take(piece) { whole.append(octets) }
    }
    #expect(whole.count <= 1)
    if let first = whole.first { #expect(first == original) }
    // A lost piece may have been the one that came twice.
    if lost == nil { #expect(whole.count == 1) }
  }

  @Test("what the fragmenter cuts comes together again", arguments: [28, 68, 576, 1500, 9000])
  func fragmenter(mtu: Int) throws {
    for length in [0, 1, 7, 8, 9, mtu - 21, mtu - 20, mtu - 19, 3 * mtu, 4000] where length >= 0 {
      let octets = pattern(0..<length)
      var header = IPv4Header(
        payloadLength: length, transport: .udp, source: Packet.peer, destination: Packet.us)
      header.identification = 77
      var fragmenter = IPv4Fragmenter(header, payloadCount: length, mtu: mtu)
      let promised = fragmenter.packetCount
      var reassembler = IPv4Reassembler()
      var result: [UInt8]?
      var packets = 0
      while let (header, range) = fragmenter.next() {
        packets += 1
        let packet = [UInt8](capacity: 20 + range.count) { output in
          header.emit(into: &output)
          output.append(copying: octets.span.extracting(range))
        }
        #expect(packet.count <= mtu)
        let view = try IPv4PacketView(parsing: packet.span)
        #expect(result == nil)
        guard view.isFragment else {
          result = [UInt8](copying: view.payload)
          continue
        }
        if case .whole(let whole) = reassembler.fragmentArrived(view, at: .start) {
          result = whole
        }
      }
      #expect(result == octets, "\(length) octets")
      #expect(packets == promised, "\(length) octets")
      #expect(reassembler.count == 0)
    }
  }

  @Test("a ping of 65,507 octets in pieces of an Ethernet comes together")
  func largestPing() throws {
    let octets = pattern(0..<65_515)
    var reassembler = IPv4Reassembler()
    for start in stride(from: 0, to: 65_515, by: 1480) {
      let end = min(start + 1480, 65_515)
      let outcome = try reassembler.take(Piece(start..<end, more: end < 65_515))
      #expect(outcome == (end < 65_515 ? .waiting : .whole(octets)))
    }
  }

  @Test("datagrams that differ in one part of the key don't mix", arguments: 0..<4)
  func keys(part: Int) throws {
    let other = Packet().with {
      switch part {
      case 0: $0.source = Packet.far
      case 1: $0.destination = IPv4Address(198, 18, 0, 1)
      case 2: $0.transport = .tcp
      default: $0.identification = 2
      }
    }
    var reassembler = IPv4Reassembler()
    #expect(try reassembler.take(Piece(0..<8, more: true)) == .waiting)
    #expect(try reassembler.take(Piece(8..<16, more: false).packet(other)) == .waiting)
    #expect(reassembler.count == 2)
    #expect(try reassembler.take(Piece(8..<16, more: false)) == .whole(pattern(0..<16)))
  }

  @Test("the quote of a whole datagram is its first header, made as if never fragmented")
  func wholeQuote() throws {
    let options: [UInt8] = [148, 4, 0, 0]
    var reassembler = IPv4Reassembler()
    _ = try reassembler.take(Piece(16..<700, more: false))
    let first = Piece(0..<16, more: true).packet(Packet(options: options))
    #expect(try reassembler.take(first) == .whole(pattern(0..<700)))
    #expect(reassembler.wholeQuote.count == ICMPErrorPolicy.quoteLength)
    let quote = reassembler.wholeQuote
    let view = try IPv4PacketView(quoted: quote.span)
    let isRight = view.headerChecksumIsRight
    #expect(isRight)
    let totalLength = view.totalLength
    #expect(totalLength == 724)
    let isFragment = view.isFragment
    #expect(!isFragment)
    #expect([UInt8](copying: view.options) == options)
    #expect([UInt8](copying: view.payload) == pattern(0..<524))
  }

  @Test("a datagram waits for half a minute from its first fragment")
  func timeOut() throws {
    var reassembler = IPv4Reassembler()
    _ = try reassembler.take(Piece(0..<16, more: true), at: .seconds(5))
    _ = try reassembler.take(Piece(24..<32, more: false), at: .seconds(20))
    #expect(reassembler.nextDeadline == .seconds(35))
    #expect(reassembler.deadlinePassed(at: .seconds(34.9)).isEmpty)
    let quotes = reassembler.deadlinePassed(at: .seconds(35))
    #expect(quotes == [Piece(0..<16, more: true).packet().octets])
    #expect(reassembler.count == 0)
    #expect(reassembler.heldOctets == 0)
    #expect(reassembler.nextDeadline == nil)
    // What comes later begins anew.
    #expect(try reassembler.take(Piece(16..<24, more: true), at: .seconds(36)) == .waiting)
  }

  @Test("without fragment zero nothing is quoted, so no error can be sent")
  func timeOutWithoutFirst() throws {
    var reassembler = IPv4Reassembler()
    _ = try reassembler.take(Piece(8..<16, more: false))
    #expect(reassembler.deadlinePassed(at: .seconds(60)) == [[]])
  }

  @Test("each deadline is met in turn")
  func deadlinesInTurn() throws {
    var reassembler = IPv4Reassembler()
    for number in 0..<20 {
      let packet = Piece(0..<8, more: true).packet(Packet(identification: UInt16(number)))
      _ = try reassembler.take(packet, at: .seconds(Double(number)))
    }
    // Every second one is completed.
    for number in stride(from: 0, to: 20, by: 2) {
      let packet = Piece(8..<16, more: false).packet(Packet(identification: UInt16(number)))
      #expect(try reassembler.take(packet, at: .seconds(20)) == .whole(pattern(0..<16)))
    }
    var seen: [Instant] = []
    while let deadline = reassembler.nextDeadline {
      seen.append(deadline)
      #expect(reassembler.deadlinePassed(at: deadline).count == 1)
    }
    #expect(seen == stride(from: 1, to: 20, by: 2).map { .seconds(Double($0) + 30) })
  }
}
