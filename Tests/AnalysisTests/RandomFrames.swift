import Octets
import Wire

/// Connections of frames that no stack would send: numbers at and beside every edge, windows that
/// close and open, answers to what was never sent.
struct RandomConnection {
  private static let lengths = [0, 0, 0, 1, 1, 100, 500, 1000, 1460]
  private static let steps = [-1, -1, 1, -1000, -100, -500, 500, 100, -2, -1460, 1460, -3000]

  private let addresses: [IPv4Address]
  private let ports: [Port]
  private var initial: [UInt32] = []
  private var next: [UInt32] = []
  private var acknowledged: [UInt32] = [0, 0]
  private var windows: [UInt16] = []
  private var scales: [UInt8?] = []
  private var step: Int

  init(_ number: Int, using random: inout RandomSource) {
    let ends = [IPv4Address(192, 0, 2, 1), IPv4Address(198, 51, 100, 1)]
    addresses = Bool.random(using: &random) ? ends : ends.reversed()
    ports = [Port(UInt16(truncatingIfNeeded: 40_000 + number)), Port(25)]
    for _ in 0..<2 {
      let near = [UInt32.random(in: 0...(.max), using: &random), 0xFFFF_FFF0, 1, 0x7FFF_FFF0]
      let offset = UInt32.random(in: 0...13, using: &random)
      initial.append(pick(near, &random) &+ offset)
      windows.append(pick([0, 1, 1000, 5000, 65_535], &random))
      scales.append(pick([nil, 0, 1, 3, 7, 14, 15], &random))
    }
    next = initial
    step = chance(75, &random) ? 0 : 3
  }

  /// The next frame, an IPv4 packet.
  mutating func frame(using random: inout RandomSource) -> [UInt8] {
    var side = Int.random(in: 0...1, using: &random)
    var flags: TCPFlags = .ack
    if step < 3 {
      (side, flags) = [(0, [.syn]), (1, [.syn, .ack]), (0, [.ack])][step]
      if chance(90, &random) { step += 1 }
    } else {
      switch Int.random(in: 0..<100, using: &random) {
      case 0, 1: flags = [.syn]
      case 2, 3: flags = [.syn, .ack]
      case 4...6: flags = [.fin, .ack]
      case 7: flags = [.rst]
      case 8: flags = [.rst, .ack]
      case 9: flags = TCPFlags(rawValue: UInt16.random(in: 0...63, using: &random))
      case 10: flags = [.fin]
      default: break
      }
      if chance(30, &random) { flags.insert(.psh) }
    }
    let other = 1 - side
    let isSYN = flags.contains(.syn)
    var sequence = next[side]
    if isSYN {
      if chance(4, &random) { initial[side] = UInt32.random(in: 0...(.max), using: &random) }
      sequence = initial[side] &+ (chance(90, &random) ? 0 : 100)
    } else if chance(27, &random) {
      sequence = sequence.moved(by: pick(Self.steps, &random))
    }
    var length = isSYN && chance(95, &random) ? 0 : pick(Self.lengths, &random)
    var acknowledgment = chance(55, &random) ? next[other] : acknowledged[other]
    if chance(10, &random) {
      acknowledgment = next[other].moved(by: pick(Self.steps, &random))
    }
    if flags.contains(.ack) { acknowledged[other] = acknowledgment } else { acknowledgment = 0 }
    if chance(25, &random) {
      windows[side] = pick([0, 0, 1, 100, 500, 600, 1000, 1500, 5000, 65_535], &random)
    }
    if !isSYN, chance(10, &random) {
      // To the very end of the window.
      let shift = scales[side] == nil ? 0 : min(scales[other] ?? 0, 14)
      let room = acknowledged[side] &+ UInt32(windows[other]) << UInt32(shift) &- sequence
      if (1...4000).contains(room) { length = Int(room) }
    }
    let end = sequence &+ UInt32(length) &+ (isSYN || flags.contains(.fin) ? 1 : 0)
    if Int32(bitPattern: end &- next[side]) > 0 || isSYN { next[side] = end }
    var options = TCPOptions()
    if isSYN {
      options.maximumSegmentSize = 1460
      options.windowScale = scales[side]
    } else if chance(15, &random) {
      let left = acknowledged[other] &+ UInt32.random(in: 1...1000, using: &random)
      options.sackBlocks.append(SACKBlock(SequenceNumber(left), SequenceNumber(left &+ 500)))
    }
    let header = TCPHeader(
      sourcePort: ports[side], destinationPort: ports[other], sequence: SequenceNumber(sequence),
      acknowledgment: SequenceNumber(acknowledgment), flags: flags, window: windows[side],
      options: options)
    return [UInt8](capacity: 20 + header.length + length) { output in
      IPv4Header(
        payloadLength: header.length + length, transport: .tcp, source: addresses[side],
        destination: addresses[other]
      ).emit(into: &output)
      header.emit(into: &output)
      for _ in 0..<length { output.append(0x78) }
    }
  }
}

/// One of a list.
func pick<Element>(_ list: [Element], _ random: inout RandomSource) -> Element {
  list[Int.random(in: list.indices, using: &random)]
}

private func chance(_ percent: Int, _ random: inout RandomSource) -> Bool {
  Int.random(in: 0..<100, using: &random) < percent
}

extension UInt32 {
  fileprivate func moved(by step: Int) -> UInt32 { self &+ UInt32(truncatingIfNeeded: step) }
}
