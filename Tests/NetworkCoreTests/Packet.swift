import NetworkCore
import Octets
import Wire

/// An IPv4 packet in which everything may be wrong.
struct Packet: Sendable {
  static let us = IPv4Address(192, 0, 2, 1)
  static let peer = IPv4Address(192, 0, 2, 2)
  static let far = IPv4Address(198, 51, 100, 7)

  var version = 4
  var headerWords: Int?
  var totalLength: Int?
  var identification: UInt16 = 1
  var dontFragment = false
  var moreFragments = false
  var offset = 0
  var transport = IPProtocol.udp
  var source = Packet.peer
  var destination = Packet.us
  var options: [UInt8] = []
  var payload: [UInt8] = []
  var ecn = ECNCodepoint.notECT
  var checksumError: UInt16 = 0

  var octets: [UInt8] {
    let headerLength = 20 + options.count
    var octets = [UInt8](repeating: 0, count: headerLength) + payload
    octets[0] = UInt8(version << 4 | (headerWords ?? headerLength / 4))
    octets[1] = ecn.rawValue
    let total = totalLength ?? octets.count
    octets[2] = UInt8(total >> 8 & 255)
    octets[3] = UInt8(total & 255)
    octets[4] = UInt8(identification >> 8)
    octets[5] = UInt8(identification & 255)
    let flags = (dontFragment ? 0x4000 : 0) | (moreFragments ? 0x2000 : 0) | offset / 8
    octets[6] = UInt8(flags >> 8)
    octets[7] = UInt8(flags & 255)
    octets[8] = 64
    octets[9] = transport.rawValue
    for (index, address) in [source, destination].enumerated() {
      for part in 0..<4 {
        octets[12 + index * 4 + part] = UInt8(address.rawValue >> (24 - UInt32(part) * 8) & 255)
      }
    }
    octets.replaceSubrange(20..<headerLength, with: options)
    var sum = InternetChecksum()
    sum.add(octets.span.extracting(first: headerLength))
    let value = sum.value ^ checksumError
    octets[10] = UInt8(value >> 8)
    octets[11] = UInt8(value & 255)
    return octets
  }

  func with(_ change: (inout Packet) -> Void) -> Packet {
    var copy = self
    change(&copy)
    return copy
  }
}

/// A fragment: where it begins, its octets, and whether more follow.
struct Piece: Sendable, CustomStringConvertible {
  var start: Int
  var octets: [UInt8]
  var more: Bool
  var description: String { "\(start)..<\(start + octets.count)\(more ? "+" : ".")" }

  init(_ start: Int, _ octets: [UInt8], more: Bool) {
    self.start = start
    self.octets = octets
    self.more = more
  }

  /// A piece with a pattern that shows where each octet belongs.
  init(_ range: Range<Int>, more: Bool, tint: UInt8 = 0) {
    self.init(range.lowerBound, pattern(range, tint: tint), more: more)
  }

  func packet(_ template: Packet = Packet()) -> Packet {
    template.with {
      $0.offset = start
      $0.payload = octets
      $0.moreFragments = more
    }
  }
}

func pattern(_ range: Range<Int>, tint: UInt8 = 0) -> [UInt8] {
  range.map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) ^ tint }
}

extension IPv4Reassembler {
  mutating func take(_ packet: Packet, at now: Instant = .start) throws -> Outcome {
    let octets = packet.octets
    return fragmentArrived(try IPv4PacketView(parsing: octets.span), at: now)
  }

  mutating func take(_ piece: Piece, at now: Instant = .start) throws -> Outcome {
    try take(piece.packet(), at: now)
  }
}

extension Instant {
  static func seconds(_ seconds: Double) -> Instant {
    Instant(nanoseconds: Int64(seconds * 1_000_000_000))
  }
}
