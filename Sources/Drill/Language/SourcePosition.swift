/// A place in a script, for messages of the form `FILE:LINE: what was expected`.
public struct SourcePosition: Hashable, Sendable, CustomStringConvertible {
  /// The script's file name as the user gave it.
  public var file: String
  /// The line, counted from 1.
  public var line: Int

  /// The place at `line` of `file`.
  public init(file: String, line: Int) {
    self.file = file
    self.line = line
  }

  /// `FILE:LINE`.
  public var description: String { "\(file):\(line)" }
}
