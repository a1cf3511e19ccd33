import ArgumentParser
import Foundation

extension ExitCode {
  /// The peer cannot be reached (`EX_UNAVAILABLE` of sysexits).
  static let unavailable = ExitCode(69)
  /// It may work later (`EX_TEMPFAIL` of sysexits).
  static let tryLater = ExitCode(75)
}

/// Says one clear sentence on standard error; to be thrown: `throw complain("...")`.
func complain(_ sentence: String, _ code: ExitCode = .failure) -> ExitCode {
  note("error: " + sentence)
  return code
}

/// A line on standard error.
func note(_ line: String) {
  FileHandle.standardError.write(Data((line + "\n").utf8))
}
