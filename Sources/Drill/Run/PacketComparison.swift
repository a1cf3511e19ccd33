/// Compares what a script expects with what the stack has sent, in the script's numbers.
enum PacketComparison {
  /// What differs between two segments.
  ///
  /// - Parameters:
  ///   - checksEchoes: echoed timestamps count; they don't in packetdrill.
  static func differences(
    _ expected: SegmentSyntax, _ seen: SegmentSyntax, checksEchoes: Bool
  ) -> [ScriptFailure.Difference] {
    var differences: [ScriptFailure.Difference] = []
    func compare<Value: Equatable>(_ field: String, _ expected: Value, _ seen: Value) {
      guard expected != seen else { return }
      differences.append(.init(field: field, expected: "\(expected)", seen: "\(seen)"))
    }
    compare("flags", expected.flags.text, seen.flags.text)
    if !expected.hasAnySequence { compare("seq", expected.start, seen.start) }
    compare("payload length", expected.length, seen.length)
    compare("ack", expected.acknowledgment ?? 0, seen.acknowledgment ?? 0)
    if let window = expected.window { compare("window", window, seen.window ?? 0) }
    compare("urgent pointer", expected.urgentPointer, seen.urgentPointer)
    if let options = expected.options {
      differences += self.options(options, seen.options ?? [], checksEchoes: checksEchoes)
    }
    return differences
  }

  private static func options(
    _ expected: [OptionSyntax], _ seen: [OptionSyntax], checksEchoes: Bool
  ) -> [ScriptFailure.Difference] {
    if case .raw(let octets)? = expected.first, expected.count == 1 {
      let live = seen.flatMap(PacketBuilder.octets)
      return octets == live ? [] : [difference("options", expected, seen)]
    }
    guard expected.map(\.kindName) == seen.map(\.kindName) else {
      return [difference("options", expected, seen)]
    }
    var differences: [ScriptFailure.Difference] = []
    for (wanted, got) in zip(expected, seen) {
      let isSame: Bool
      switch (wanted, got) {
      case (.timestamps(_, let first), .timestamps(_, let second)):
        // The value is compared with the clock, not with the script.
        isSame = !checksEchoes || first == second
      case (.validMD5, .md5): isSame = true
      default: isSame = wanted == got
      }
      if !isSame {
        differences.append(
          .init(field: "option \(wanted.kindName)", expected: wanted.text, seen: got.text))
      }
    }
    return differences
  }

  private static func difference(
    _ field: String, _ expected: [OptionSyntax], _ seen: [OptionSyntax]
  ) -> ScriptFailure.Difference {
    func text(_ options: [OptionSyntax]) -> String {
      options.isEmpty ? "none" : options.map(\.text).joined(separator: ",")
    }
    return .init(field: field, expected: text(expected), seen: text(seen))
  }

  /// What differs in the IP header.
  static func differences(
    _ expected: NetworkSyntax, serviceType: UInt8, ttl: UInt8
  ) -> [ScriptFailure.Difference] {
    var differences: [ScriptFailure.Difference] = []
    func note(_ field: String, _ expected: String, _ seen: String) {
      differences.append(.init(field: field, expected: expected, seen: seen))
    }
    let names = ["noecn", "ect1", "ect0", "ce"]
    let bits = serviceType & 3
    switch expected.congestion {
    case .exactly(let wanted) where wanted != bits:
      note("ECN", names[Int(wanted & 3)], names[Int(bits)])
    case .eitherCapable where bits == 0 || bits == 3: note("ECN", "ect01", names[Int(bits)])
    default: break
    }
    if let wanted = expected.serviceType, wanted != serviceType {
      note("tos", "0x" + String(wanted, radix: 16), "0x" + String(serviceType, radix: 16))
    }
    if let wanted = expected.ttl, wanted != ttl { note("ttl", "\(wanted)", "\(ttl)") }
    return differences
  }
}

/// Segments that together make up one expected segment: senders with segmentation offload send it as
/// one, others as several.
struct SegmentAggregate {
  /// As one segment: sequence number and CWR of the first piece, everything else of the last.
  private(set) var whole: SegmentSyntax
  private(set) var length: Int
  private let first: SegmentSyntax
  private let serviceType: UInt8
  private var lastLength: UInt16

  init(_ piece: SegmentSyntax, serviceType: UInt8) {
    whole = piece
    length = Int(piece.length)
    first = piece
    lastLength = piece.length
    self.serviceType = serviceType
  }

  /// Adds the next piece.
  ///
  /// - Returns: what keeps the two from being one segment; nil when nothing does.
  mutating func add(_ piece: SegmentSyntax, serviceType: UInt8) -> String? {
    guard piece.start == whole.start &+ UInt32(truncatingIfNeeded: length) else {
      return "it does not continue at \(whole.start &+ UInt32(truncatingIfNeeded: length))"
    }
    guard lastLength == first.length else { return "a shorter segment came before it" }
    guard piece.length > 0, piece.length <= first.length else {
      return "it is longer than those before it"
    }
    let varying: SegmentFlags = [.fin, .psh, .cwr]
    guard piece.flags.subtracting(varying) == first.flags.subtracting(varying) else {
      return "its flags are others"
    }
    guard piece.acknowledgment == first.acknowledgment else { return "its ack is another" }
    guard piece.window == first.window else { return "its window is another" }
    guard piece.urgentPointer == first.urgentPointer else { return "its urgent pointer is another" }
    guard serviceType == self.serviceType else { return "its service type is another" }
    func optionsLength(_ segment: SegmentSyntax) -> Int {
      (segment.options ?? []).reduce(0) { $0 + $1.length }
    }
    guard optionsLength(piece) == optionsLength(first) else { return "its options are others" }
    length += Int(piece.length)
    lastLength = piece.length
    let start = whole.start
    whole = piece
    whole.start = start
    whole.length = UInt16(truncatingIfNeeded: length)
    whole.flags.remove(.cwr)
    if first.flags.contains(.cwr) { whole.flags.insert(.cwr) }
    return nil
  }
}
