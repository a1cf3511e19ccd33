import Octets
import Wire

/// Random connections of which the octets matter: what is sent again may differ from what was sent,
/// segments overlap, are lost and overtaken, and begin anywhere.
struct RandomStreams {
  private var traffic: RandomTraffic
  private var random: RandomSource

  init(seed: UInt64) {
    traffic = RandomTraffic(seed: seed)
    random = .seeded(seed &+ 1000)
  }

  private struct Sent {
    var side: Int
    var seq: UInt32
    var ack: UInt32
    var flags: TCPFlags
    var payload: [UInt8]
  }

  private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }
  private mutating func chance(_ percent: Int) -> Bool { below(100) < percent }

  /// The frames of one connection; `number` gives its port.
  mutating func connection(_ number: Int) -> [MadeFrame] {
    let isWild = chance(60)
    var sent = segments(isWild: isWild)
    if !isWild || chance(30) {
      let loss = pick([0, 5, 20], &random)
      sent = sent.filter { _ in !chance(loss) }
      let disorder = pick([0, 10, 40], &random)
      for index in sent.indices.dropLast() where chance(disorder) {
        sent.insert(sent.remove(at: index), at: min(index + below(5), sent.count - 1))
      }
    }
    return sent.map { one in
      traffic.time += 777_000
      return traffic.segment(
        number, one.side, seq: one.seq, ack: one.ack, one.flags, 1000, one.payload)
    }
  }

  private mutating func segments(isWild: Bool) -> [Sent] {
    let edges: [UInt32] = [1, 0, .max, 0x7FFF_FFFF, 0x7FFF_FFD0]
    let isn = (0..<2).map { _ in
      chance(50)
        ? pick(edges, &random)
        : chance(50) ? 0 &- UInt32(below(3000)) : UInt32.random(in: 0...(.max), using: &random)
    }
    var next = isn.map { $0 &+ 1 }
    var acknowledged = next
    var sent: [Sent] = []
    if !isWild || chance(60) {
      sent = [
        Sent(side: 0, seq: isn[0], ack: 0, flags: .syn, payload: []),
        Sent(side: 1, seq: isn[1], ack: next[0], flags: [.syn, .ack], payload: []),
        Sent(side: 0, seq: next[0], ack: next[1], flags: .ack, payload: []),
      ]
      if isWild, chance(50) { sent.remove(at: below(3)) }
    }
    for _ in 0..<below(60) {
      let side = below(2)
      let other = 1 - side
      var length = pick([1, 2, 5, 20, 60, 0], &random)
      var one = Sent(
        side: side, seq: next[side], ack: acknowledged[other], flags: [.psh, .ack], payload: [])
      if isWild {
        switch below(44) {
        case 0..<5: one.seq &+= UInt32(below(80))
        case 5..<10: one.seq &-= UInt32(below(80))
        case 10..<13: (one.seq, length) = (one.seq &- 1, below(2))
        case 13..<15: one.flags.insert(.fin)
        case 15: one.flags = pick([.rst, [.rst, .ack]], &random)
        case 16..<18:
          one.flags = pick([.syn, [.syn, .ack]], &random)
          one.seq = pick([isn[side], isn[side], next[side]], &random)
        case 18: one.flags = .psh
        case 19..<22:
          if let again = sent.randomElement(using: &random) { sent.append(again) }
        default: break
        }
      }
      switch below(10) {
      case 0..<4:
        acknowledged[other] = next[other]
        one.ack = next[other]
      case 4: if isWild { one.ack = next[other] &+ UInt32(below(60)) &- 60 }
      case 5: if isWild { one.ack = next[other] &+ UInt32(below(60)) }
      default: break
      }
      if !one.flags.contains(.ack), chance(50) { one.ack = 0 }
      one.payload = (0..<length).map { _ in UInt8.random(in: 0...255, using: &random) }
      sent.append(one)
      let end = one.seq &+ UInt32(length) &+ (one.flags.contains(.fin) ? 1 : 0)
      if Int32(bitPattern: end &- next[side]) > 0 { next[side] = end }
    }
    return sent
  }
}
