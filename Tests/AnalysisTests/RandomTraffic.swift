import Octets
import Wire

/// A frame of made-up traffic: an IPv4 packet and when it was seen.
struct MadeFrame {
  var time: Int64
  var octets: [UInt8]
}

/// Random TCP segments near the edges where verdicts change: not what a stack would send, but
/// what a capture may hold.
struct RandomTraffic {
  var random: RandomSource
  var time: Int64 = 1_000_000_000_000_000_000

  init(seed: UInt64) { random = .seeded(seed) }

  private mutating func below(_ bound: Int) -> Int { Int(random.next() % UInt64(bound)) }
  private mutating func chance(_ percent: Int) -> Bool { below(100) < percent }
  private mutating func choose<T>(_ list: [T]) -> T { list[below(list.count)] }

  private struct End {
    var next: UInt32
    var window: UInt16 = 1000
    var last: UInt32
    var hadSYN = false
  }

  /// Frames of one connection; `number` gives its port.
  mutating func connection(_ number: Int, count: Int) -> [MadeFrame] {
    var frames: [MadeFrame] = []
    let mode = below(4)
    var isn: UInt32 =
      chance(30)
      ? UInt32(truncatingIfNeeded: 0 &- below(60))
      : UInt32(
        truncatingIfNeeded: random.next())
    if chance(10) { isn = choose([0, 1, 2, .max, .max - 1, 0x7FFF_FFFF, 0x8000_0000]) }
    let other: UInt32 =
      chance(30)
      ? UInt32(truncatingIfNeeded: 0 &- below(60))
      : UInt32(
        truncatingIfNeeded: random.next())
    var ends = [End(next: isn, last: isn), End(next: other, last: other)]
    let scale = chance(50) ? UInt8(below(9)) : nil
    let scaleBack = chance(70) ? UInt8(below(15)) : nil
    if mode != 0 {
      step()
      frames.append(segment(number, 0, seq: isn, ack: 0, .syn, 1000, [], shift: scale))
      ends[0].next = isn &+ 1
      step()
      frames.append(
        segment(number, 1, seq: other, ack: isn &+ 1, [.syn, .ack], 1000, [], shift: scaleBack))
      ends[1].next = other &+ 1
      if mode != 1 {
        step()
        frames.append(segment(number, 0, seq: isn &+ 1, ack: other &+ 1, .ack, 1000, []))
      }
    }
    while frames.count < count {
      step()
      frames.append(anything(number, &ends, shift: scale))
    }
    return frames
  }

  private mutating func step() {
    switch below(6) {
    case 0: time += 0
    case 1: time += Int64(below(3_100_000))
    case 2: time += Int64(below(21_000_000))
    case 3: time += Int64(below(5000))
    case 4: time += choose([3_000_000, 20_000_000, 19_999_999, 2_999_999, 1000, 1_000_000_000])
    default: time += Int64(below(200_000))
    }
  }

  private mutating func anything(_ number: Int, _ ends: inout [End], shift: UInt8?) -> MadeFrame {
    let side = below(2)
    let them = 1 - side
    var flags: TCPFlags = .ack
    var length = choose([0, 0, 0, 1, 1, 2, 10, 10, 100])
    var seq = ends[side].next
    switch below(12) {
    case 0: seq = seq &- 1
    case 1: seq = seq &+ UInt32(below(3) * 10)
    case 2: seq = seq &- UInt32(below(4) * 10)
    case 3: seq = seq &- UInt32(below(210))
    default: break
    }
    var ack = ends[side].last
    switch below(8) {
    case 0, 1: ack = ends[them].next
    case 2: ack = ends[them].next &- UInt32(below(30))
    case 3: ack = ends[them].next &+ UInt32(below(3) * 10)
    case 4: if chance(30) { ack = 0 }
    default: break
    }
    switch below(40) {
    case 0: flags = [.fin, .ack]
    case 1: flags = [.rst, .ack]
    case 2: flags = .rst
    case 3: flags = [.psh, .ack]
    case 4:
      flags = chance(50) ? .syn : [.syn, .ack]
      if chance(50) { seq = UInt32(truncatingIfNeeded: random.next()) }
      if chance(70) { length = 0 }
    case 5: flags = []
    case 6: flags = .psh
    case 7: if chance(20) { flags = .fin }
    case 8, 9: if length > 0 { flags = [.psh, .ack] }
    default: break
    }
    var window = ends[side].window
    switch below(10) {
    case 0: window = 0
    case 1: window = UInt16(below(40))
    case 2: window = 1000
    case 3:
      // Such that what the other side has sent fills it.
      window = UInt16(truncatingIfNeeded: (ends[them].next &+ 10 &- ack) >> UInt32(below(4)))
    default: break
    }
    var sack: [UInt32] = []
    if chance(12), !flags.contains(.syn) {
      for _ in 0...below(4) {
        let left = ends[them].next &- UInt32(below(120))
        sack += [left, left &+ UInt32(below(60))]
      }
    }
    ends[side].window = window
    ends[side].last = ack
    let end = seq &+ UInt32(length) &+ (flags.rawValue & 3 != 0 ? 1 : 0)
    if Int32(bitPattern: end &- ends[side].next) > 0, chance(90) { ends[side].next = end }
    if flags.contains(.syn) { ends[side].next = end }
    return segment(
      number, side, seq: seq, ack: ack, flags, window,
      [UInt8](repeating: UInt8(ascii: "x"), count: length),
      shift: flags.contains(.syn) && chance(70) ? shift : nil, sack: sack)
  }

  /// One IPv4 packet.
  func segment(
    _ number: Int, _ side: Int, seq: UInt32, ack: UInt32, _ flags: TCPFlags, _ window: UInt16,
    _ payload: [UInt8], shift: UInt8? = nil, sack: [UInt32] = []
  ) -> MadeFrame {
    var options: [UInt8] = []
    if let shift { options += [1, 3, 3, shift] }
    if !sack.isEmpty {
      options += [1, 1, 5, UInt8(2 + 4 * sack.count)]
      for edge in sack { options += Self.octets(edge) }
    }
    let addresses: [[UInt8]] = [[192, 0, 2, 1], [198, 51, 100, 2]]
    let ports = [UInt16(20_000 + number % 40_000), 9_999]
    let total = 20 + 20 + options.count + payload.count
    var octets: [UInt8] = [0x45, 0, UInt8(total >> 8), UInt8(total & 255), 0, 1, 0, 0, 64, 6, 0, 0]
    octets += addresses[side] + addresses[1 - side]
    octets += [UInt8(ports[side] >> 8), UInt8(ports[side] & 255)]
    octets += [UInt8(ports[1 - side] >> 8), UInt8(ports[1 - side] & 255)]
    octets += Self.octets(seq) + Self.octets(ack)
    octets += [UInt8((20 + options.count) / 4) << 4, UInt8(truncatingIfNeeded: flags.rawValue)]
    octets += [UInt8(window >> 8), UInt8(window & 255), 0, 0, 0, 0]
    return MadeFrame(time: time, octets: octets + options + payload)
  }

  private static func octets(_ number: UInt32) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: number >> $0) }
  }
}
