import Glibc

/// What can be fuzzed.
enum FuzzTarget: String, CaseIterable {
  /// Every view, value and description of packets.
  case wire
  /// Capture files, pcap and pcapng.
  case capture
  /// A mail server's session under a hostile client, whole and in pieces.
  case smtpServer = "smtp-server"
  /// A mail client's session under a hostile server.
  case smtpClient = "smtp-client"
  /// The grammar of mail addresses and paths.
  case address
  /// Reassembly of IPv4 fragments, against a simple model.
  case reassembler
  /// A whole host: frames, commands and time in any order.
  case host

  /// The target of this process.
  static let chosen: FuzzTarget? = {
    guard let name = unsafe getenv("POSTROAD_FUZZ_TARGET") else { return nil }
    return FuzzTarget(rawValue: unsafe String(cString: name))
  }()

  func run(_ octets: [UInt8]) {
    switch self {
    case .wire: fuzzWire(octets)
    case .capture: fuzzCapture(octets)
    case .smtpServer: fuzzServer(octets)
    case .smtpClient: fuzzClient(octets)
    case .address: fuzzAddresses(octets)
    case .reassembler: fuzzReassembler(octets)
    case .host: fuzzHost(octets)
    }
  }
}

/// One input from libFuzzer; a trap is what it looks for.
@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  let octets = unsafe Array(UnsafeBufferPointer(start: start, count: count))
  FuzzTarget.chosen?.run(octets)
  return 0
}

/// What must hold whatever the input is.
func mustHold(_ condition: Bool, _ sentence: @autoclosure () -> String) {
  // Not a precondition: that says nothing in a release build.
  if !condition { fatalError(sentence()) }
}

/// An input as a row of choices; behind its end every choice is the first one.
struct Choices {
  private let octets: [UInt8]
  private var place = 0

  init(_ octets: [UInt8]) { self.octets = octets }

  var isEmpty: Bool { place >= octets.count }

  mutating func octet() -> UInt8 {
    guard place < octets.count else { return 0 }
    defer { place += 1 }
    return octets[place]
  }

  mutating func number() -> UInt16 { UInt16(octet()) << 8 | UInt16(octet()) }

  mutating func long() -> UInt32 { UInt32(number()) << 16 | UInt32(number()) }

  /// One of `count` choices, at most 256.
  mutating func below(_ count: Int) -> Int { Int(octet()) % count }

  /// A small distance on both sides of zero, mostly; sometimes a large one.
  mutating func distance() -> Int {
    let octet = Int(Int8(bitPattern: octet()))
    return abs(octet) > 100 ? octet * 1021 : octet
  }

  /// The next octets, as many as there are.
  mutating func take(_ count: Int) -> [UInt8] {
    let end = min(place + count, octets.count)
    defer { place = end }
    return Array(octets[place..<end])
  }

  mutating func rest() -> [UInt8] { take(octets.count) }
}
