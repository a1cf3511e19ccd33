/// A range of values, the pixels that stand for it, and the round values among them.
struct Axis {
  /// What is measured.
  enum Unit {
    case seconds, octets, bitsPerSecond, milliseconds
  }

  let unit: Unit
  let label: String
  let range: ClosedRange<Double>
  /// The pixel of the first value, and of the last.
  let pixels: (Double, Double)

  /// An axis over these values: never empty, so that nothing is divided by zero.
  init(
    _ label: String, _ unit: Unit, _ values: ClosedRange<Double>, pixels: (Double, Double)
  ) {
    self.label = label
    self.unit = unit
    self.pixels = pixels
    let isSound = values.lowerBound.isFinite && values.upperBound.isFinite
    let (low, high) = isSound ? (values.lowerBound, values.upperBound) : (0, 1)
    range = high - low > 1e-9 ? low...high : low...(low + (unit == .seconds ? 0.001 : 1))
  }

  /// The pixel of a value, within the axis.
  func pixel(_ value: Double) -> Double {
    guard value.isFinite else { return pixels.0 }
    let part = (value - range.lowerBound) / (range.upperBound - range.lowerBound)
    return pixels.0 + max(0, min(1, part)) * (pixels.1 - pixels.0)
  }

  /// Round values, about as many as there is room for.
  func ticks(_ wanted: Int) -> [Double] {
    let step = Self.roundStep(
      atLeast: (range.upperBound - range.lowerBound) / Double(max(wanted, 1)))
    let first = (range.lowerBound / step).rounded(.up)
    let last = (range.upperBound / step).rounded(.down)
    guard step > 0, last - first < 1000, first <= last else { return [] }
    return stride(from: first, through: last, by: 1).map { $0 * step }
  }

  /// The least of 1, 2, 5, 10, ... and their tenths that is not below a value above 0.
  static func roundStep(atLeast rough: Double) -> Double {
    guard rough.isFinite, rough > 0 else { return 1 }
    var power = 1.0
    while power > rough { power /= 10 }
    while power * 10 <= rough { power *= 10 }
    return [1, 2, 5, 10].map { $0 * power }.first { $0 >= rough } ?? rough
  }

  /// A value as the axis shows it: with thousands and millions where it has a unit that takes them.
  func text(_ value: Double) -> String {
    switch unit {
    case .seconds, .milliseconds: return Self.decimal(value)
    case .octets, .bitsPerSecond:
      let magnitude = abs(value)
      if magnitude >= 1e9 { return Self.decimal(value / 1e9) + " G" }
      if magnitude >= 1e6 { return Self.decimal(value / 1e6) + " M" }
      if magnitude >= 1e3 { return Self.decimal(value / 1e3) + " k" }
      return Self.decimal(value)
    }
  }

  /// Up to six decimals, without zeros at the end.
  static func decimal(_ value: Double) -> String {
    guard value.isFinite else { return "0" }
    let millionths = Int((max(-1e9, min(1e9, value)) * 1e6).rounded())
    let fraction = abs(millionths) % 1_000_000
    let sign = millionths < 0 ? "-" : ""
    guard fraction != 0 else { return "\(sign)\(abs(millionths) / 1_000_000)" }
    var digits = String(String(fraction + 1_000_000).dropFirst())
    while digits.hasSuffix("0") { digits.removeLast() }
    return "\(sign)\(abs(millionths) / 1_000_000).\(digits)"
  }
}
