import Mail
import Octets
import Testing

@Suite("Mutated input")
struct FuzzTests {
  /// Octets that mean something, to hit the borders of the grammar more often.
  static let palette = bytes("\r\n\r\n.. <>@:,[]\"\\=MAIL RCPT DATA\u{0}\u{7f}") + [128, 255]

  static func mutate(_ octets: [UInt8], _ random: inout RandomSource) -> [UInt8] {
    var mutated = octets
    for _ in 0...Int.random(in: 0..<8, using: &random) where !mutated.isEmpty {
      let place = Int.random(in: 0..<mutated.count, using: &random)
      let octet = palette.randomElement(using: &random) ?? 0
      switch Int.random(in: 0..<5, using: &random) {
      case 0: mutated[place] = octet
      case 1: mutated.insert(octet, at: place)
      case 2: mutated.remove(at: place)
      case 3: mutated[place] = UInt8.random(in: 0...255, using: &random)
      default:
        let end = min(place + Int.random(in: 1...40, using: &random), mutated.count)
        mutated.insert(contentsOf: Array(mutated[place..<end]), at: place)
      }
    }
    return mutated
  }

  static func pieces(_ octets: [UInt8], _ random: inout RandomSource) -> [[UInt8]] {
    var pieces: [[UInt8]] = []
    var start = 0
    while start < octets.count {
      let end = min(start + Int.random(in: 1...60, using: &random), octets.count)
      pieces.append(Array(octets[start..<end]))
      start = end
    }
    return pieces
  }

  @Test(
    "a mutated client neither stops a server nor is heard differently in pieces", arguments: 0..<16)
  func server(seed: Int) {
    var random = RandomSource.seeded(UInt64(seed) &+ 77)
    for turn in 0..<150 {
      let script = DialogueTests.scripts.randomElement(using: &random)
      let octets = Self.mutate(script?.client ?? [], &random)
      var server = configuration()
      if turn % 3 == 0 { server.bareLineEnds = .normalize }
      let whole = serve([octets], server)
      let cut = serve(Self.pieces(octets, &random), server)
      #expect(whole == cut, "seed \(seed) turn \(turn)")
      for message in whole.messages {
        #expect(Self.hasOnlyWholeLineEnds(message.octets), "seed \(seed) turn \(turn)")
      }
      for line in whole.replyLines {
        #expect(line.utf8.prefix(3).allSatisfy { (48...57).contains($0) })
      }
    }
  }

  static func hasOnlyWholeLineEnds(_ octets: [UInt8]) -> Bool {
    for (index, octet) in octets.enumerated() {
      if octet == 10, index == 0 || octets[index - 1] != 13 { return false }
      if octet == 13, index + 1 == octets.count || octets[index + 1] != 10 { return false }
    }
    return true
  }

  @Test(
    "a mutated server neither stops a client nor makes it believe in a delivery", arguments: 0..<16)
  func client(seed: Int) {
    var random = RandomSource.seeded(UInt64(seed) &+ 99)
    let server = bytes(
      "220 hi\r\n" + ClientTests.offer + "250 a\r\n250 b\r\n354 go\r\n451 not kept\r\n221 x\r\n")
    for turn in 0..<150 {
      let octets = Self.mutate(server, &random)
      func run(_ pieces: [[UInt8]]) -> ClientHarness {
        var client = ClientHarness(submission())
        for piece in pieces { client.receive(piece) }
        client.session.streamEnded(at: .start)
        client.drain()
        return client
      }
      // Line by line, so that a reply never comes before what it answers was said.
      let lines = octets.split(separator: 10, omittingEmptySubsequences: false).map {
        Array($0) + [10]
      }
      let whole = run(lines)
      let cut = run(lines.flatMap { Self.pieces($0, &random) })
      #expect(whole.delivery != nil && whole.delivery == cut.delivery, "seed \(seed) turn \(turn)")
      #expect(whole.isClosed)
      if whole.delivery?.isComplete == true {
        #expect(whole.saidLines.contains("."), "seed \(seed) turn \(turn)")
      }
    }
  }

  @Test("addresses that are read can be written and read again", arguments: 0..<8)
  func addresses(seed: Int) {
    var random = RandomSource.seeded(UInt64(seed) &+ 5)
    let seeds = AddressTests.validAddresses.map { bytes($0.0) }
    for _ in 0..<400 {
      let octets = Self.mutate(seeds.randomElement(using: &random) ?? [], &random)
      guard let address = try? MailAddress(parsing: octets.span) else { continue }
      #expect(MailAddress(address.description) == address, "\(address)")
      #expect(address.description.utf8.allSatisfy { $0 >= 32 && $0 < 127 })
    }
  }
}
