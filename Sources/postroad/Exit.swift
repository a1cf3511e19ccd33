import ArgumentParser
import Foundation
import Glibc

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

/// A line on standard error. Where nobody reads that any more, the work goes on all the same.
func note(_ line: String) {
  _ = write(Array((line + "\n").utf8).span, to: STDERR_FILENO)
}

/// Writes results to standard output; what cannot be written is an error, said in one sentence.
func put(_ octets: [UInt8]) throws(ExitCode) { try put(octets.span) }

/// Writes results to standard output; what cannot be written is an error, said in one sentence.
func put(_ octets: Span<UInt8>) throws(ExitCode) {
  let error = write(octets, to: STDOUT_FILENO)
  guard error != 0 else { return }
  throw complain("cannot write to standard output: \(systemText(error))")
}

/// Writes lines of results to standard output.
func put(_ lines: [String]) throws(ExitCode) {
  try put(Array((lines.joined(separator: "\n") + "\n").utf8))
}

/// The C library's text for an errno, as the house writes sentences.
func systemText(_ error: Int32) -> String {
  guard let text = unsafe strerror(error) else { return "error \(error)" }
  let sentence = unsafe String(cString: text)
  return sentence.prefix(1).lowercased() + sentence.dropFirst()
}

/// Why a file could not be written, as the system says it.
func systemText(of error: any Error) -> String {
  let cause = unsafe (error as? CocoaError)?.userInfo[NSUnderlyingErrorKey] ?? error
  guard let cause = cause as? POSIXError else { return error.localizedDescription }
  return systemText(cause.code.rawValue)
}

/// Writes all of the octets.
/// - Returns: an errno, 0 when all are written.
func write(_ octets: Span<UInt8>, to descriptor: Int32) -> Int32 {
  var start = 0
  while start < octets.count {
    let count = unsafe octets.extracting(droppingFirst: start).withUnsafeBufferPointer {
      unsafe Glibc.write(descriptor, $0.baseAddress, $0.count)
    }
    if count >= 0 {
      start += count
    } else if errno == EAGAIN {
      // A descriptor that others share may be non-blocking: waits until it takes more.
      var wanted = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      _ = unsafe poll(&wanted, 1, -1)
    } else if errno != EINTR {
      return errno
    }
  }
  return 0
}
