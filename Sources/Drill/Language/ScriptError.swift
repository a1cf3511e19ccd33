/// A script that does not follow the language: where, what was expected there, and what was found.
public struct ScriptError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The place of the mistake.
  public var position: SourcePosition
  /// What the language asks for there.
  public var expected: String
  /// What the script has instead; nil where that says nothing more.
  public var found: String?

  /// A mistake from its parts.
  public init(at position: SourcePosition, expected: String, found: String? = nil) {
    self.position = position
    self.expected = expected
    self.found = found
  }

  /// `FILE:LINE: expected …, found …`.
  public var description: String {
    let tail = found.map { ", found \($0)" } ?? ""
    return "\(position): expected \(expected)\(tail)"
  }
}
