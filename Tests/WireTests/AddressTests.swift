import Octets
import Testing
import Wire

@Suite("Addresses, prefixes and ports")
struct AddressTests {
  @Test(
    "an address is read from its text and written back",
    arguments: [
      ("0.0.0.0", 0), ("192.0.2.1", 0xC000_0201), ("255.255.255.255", 0xFFFF_FFFF),
      ("127.0.0.1", 0x7F00_0001),
    ] as [(String, UInt32)])
  func address(_ text: String, _ number: UInt32) throws {
    let address = try #require(IPv4Address(text))
    #expect(address.rawValue == number)
    #expect(address.description == text)
  }

  @Test(
    "text that is not four numbers of 0 to 255 is no address",
    arguments: [
      "", ".", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.-1", "1.2.3.+1", "1.2.3.", ".1.2.3",
      "1..2.3", " 1.2.3.4", "1.2.3.4 ", "1.2.3.0004", "0x1.2.3.4", "a.b.c.d", "1.2.3.４",
    ])
  func noAddress(_ text: String) { #expect(IPv4Address(text) == nil) }

  @Test("kinds of addresses are told apart at their borders")
  func kinds() {
    func kinds(_ a: UInt8, _ b: UInt8, _ c: UInt8, _ d: UInt8) -> [Bool] {
      let address = IPv4Address(a, b, c, d)
      return [
        address.isUnspecified, address.isLoopback, address.isMulticast, address.isReserved,
        address.isLimitedBroadcast,
      ]
    }
    #expect(kinds(0, 0, 0, 0) == [true, false, false, false, false])
    #expect(kinds(126, 255, 255, 255) == [false, false, false, false, false])
    #expect(kinds(127, 0, 0, 0) == [false, true, false, false, false])
    #expect(kinds(128, 0, 0, 0) == [false, false, false, false, false])
    #expect(kinds(223, 255, 255, 255) == [false, false, false, false, false])
    #expect(kinds(224, 0, 0, 0) == [false, false, true, false, false])
    #expect(kinds(239, 255, 255, 255) == [false, false, true, false, false])
    #expect(kinds(240, 0, 0, 0) == [false, false, false, true, false])
    #expect(kinds(255, 255, 255, 255) == [false, false, false, true, true])
  }

  struct PrefixCase: Sendable, CustomTestStringConvertible {
    var text: String
    var network: String
    var broadcast: String?
    var inside: [String]
    var outside: [String]
    var testDescription: String { text }
  }

  @Test(
    "a prefix knows its network, its broadcast address and who belongs to it",
    arguments: [
      PrefixCase(
        text: "192.0.2.77/24", network: "192.0.2.0", broadcast: "192.0.2.255",
        inside: ["192.0.2.0", "192.0.2.255"], outside: ["192.0.3.0", "192.0.1.255"]),
      PrefixCase(
        text: "198.18.0.1/15", network: "198.18.0.0", broadcast: "198.19.255.255",
        inside: ["198.19.0.0"], outside: ["198.20.0.0", "198.17.255.255"]),
      PrefixCase(
        text: "192.0.2.6/30", network: "192.0.2.4", broadcast: "192.0.2.7", inside: ["192.0.2.5"],
        outside: ["192.0.2.3", "192.0.2.8"]),
      PrefixCase(
        text: "192.0.2.6/31", network: "192.0.2.6", broadcast: nil, inside: ["192.0.2.7"],
        outside: ["192.0.2.5", "192.0.2.8"]),
      PrefixCase(
        text: "192.0.2.6/32", network: "192.0.2.6", broadcast: nil, inside: ["192.0.2.6"],
        outside: ["192.0.2.7"]),
      PrefixCase(
        text: "192.0.2.6/0", network: "0.0.0.0", broadcast: "255.255.255.255",
        inside: ["0.0.0.0", "255.255.255.255"], outside: []),
    ])
  func prefix(_ known: PrefixCase) throws {
    let prefix = try #require(IPv4Prefix(known.text))
    #expect(prefix.description == known.text)
    #expect(prefix.network.description == known.network)
    #expect(prefix.broadcast?.description == known.broadcast)
    for text in known.inside { #expect(prefix.contains(try #require(IPv4Address(text)))) }
    for text in known.outside { #expect(!prefix.contains(try #require(IPv4Address(text)))) }
  }

  @Test(
    "text that is no prefix is refused",
    arguments: [
      "192.0.2.1", "192.0.2.1/", "192.0.2.1/33", "192.0.2.1/-1", "192.0.2.1/+8", "/24",
      "192.0.2.1/24/1", "192.0.2/24", "192.0.2.1/ 24", "192.0.2.1/256", "192.0.2.1/-0",
    ])
  func noPrefix(_ text: String) { #expect(IPv4Prefix(text) == nil) }

  @Test("a prefix length above 32 counts as 32")
  func longPrefix() {
    let prefix = IPv4Prefix(ours, length: 200)
    #expect(prefix.length == 32)
    #expect(prefix.mask == .max)
    var changed = prefix
    changed.length = 33
    #expect(changed.mask == .max && changed.broadcast == nil)
  }

  @Test("a socket address is read from its text and written back")
  func socketAddress() {
    #expect(SocketAddress("192.0.2.1:25") == SocketAddress(ours, 25))
    #expect(SocketAddress(ours, 65535).description == "192.0.2.1:65535")
    for text in [
      "192.0.2.1", "192.0.2.1:", "192.0.2.1:65536", "192.0.2.1:-1", "192.0.2.1:+1", ":25",
      "192.0.2.1:2 5", "192.0.2.1:25:1", "",
    ] {
      #expect(SocketAddress(text) == nil, "\(text)")
    }
  }

  @Test("a MAC address is six octets, whatever a number holds above them")
  func mac() {
    let octets: [UInt8] = [9, 0x02, 0x00, 0x5E, 0x10, 0x00, 0xFF]
    let address = MACAddress(octets.span, at: 1)
    #expect(address.description == "02:00:5e:10:00:ff")
    #expect(emitted { address.emit(into: &$0) } == Array(octets.dropFirst()))
    #expect(MACAddress(rawValue: 0xABCD_0200_5E10_00FF) == address)
    #expect(!address.isGroup)
    #expect(MACAddress.broadcast.isGroup)
    #expect(MACAddress(rawValue: 0x0100_5E00_0001).isGroup)
  }
}
