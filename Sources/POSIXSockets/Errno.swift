/// An error number of a system call, with Linux's names and numbers (`errno(3)`).
public struct Errno: RawRepresentable, Hashable, Sendable {
  /// The number as Linux on x86-64 has it.
  public var rawValue: Int32
  /// The error with this number.
  public init(rawValue: Int32) { self.rawValue = rawValue }

  /// `EAGAIN`: the call would have to wait and the descriptor does not block.
  public static let wouldBlock = Errno(rawValue: 11)
  /// `EBADF`: no such descriptor is open.
  public static let badDescriptor = Errno(rawValue: 9)
}
