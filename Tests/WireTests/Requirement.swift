import Testing

/// The number of a requirement that a test proves, as its document numbers it; tools/conformance
/// reads it.
struct Requirement: TestTrait, SuiteTrait {
  let name: String
}

extension Trait where Self == Requirement {
  /// The test proves this requirement, such as `RFC 9293 MUST-8`.
  static func requirement(_ name: String) -> Requirement { Requirement(name: name) }
}
