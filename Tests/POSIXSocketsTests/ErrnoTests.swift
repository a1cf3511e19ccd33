import POSIXSockets
import Testing

@Suite("error numbers")
struct ErrnoTests {
  @Test(
    "the numbers and names are Linux's",
    arguments: [
      (Errno.wouldBlock, 11, "EAGAIN"), (.badDescriptor, 9, "EBADF"), (.brokenPipe, 32, "EPIPE"),
      (.notSocket, 88, "ENOTSOCK"), (.addressInUse, 98, "EADDRINUSE"),
      (.connectionReset, 104, "ECONNRESET"), (.isConnected, 106, "EISCONN"),
      (.notConnected, 107, "ENOTCONN"), (.timedOut, 110, "ETIMEDOUT"),
      (.connectionRefused, 111, "ECONNREFUSED"), (.alreadyInProgress, 114, "EALREADY"),
      (.inProgress, 115, "EINPROGRESS"),
    ])
  func numbers(error: Errno, number: Int32, name: String) {
    #expect(error.rawValue == number)
    #expect(error.name == name)
    #expect(Errno(rawValue: number) == error)
  }

  @Test("a number that no call returns is shown as it is")
  func unknown() {
    #expect(Errno(rawValue: 4711).name == "errno 4711")
  }
}
