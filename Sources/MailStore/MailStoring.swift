public import Mail

/// Why a message could not be stored; the session answers with ``failure``.
public enum MailStoreError: Error, Hashable, Sendable, CustomStringConvertible {
  /// No space, no quota, or no inode is left (ENOSPC, EDQUOT).
  case full
  /// The store cannot be written to: what was tried, where, and the system's error number.
  case notWritable(operation: String, path: String, error: Int32)
  /// The draft was committed or discarded before, or an earlier operation on it failed.
  case draftIsOver

  /// A sentence for people.
  public var description: String {
    switch self {
    case .full: "no space is left"
    case .notWritable(let operation, let path, let error):
      "cannot \(operation) \(path): \(ErrorText.of(error))"
    case .draftIsOver: "the message was committed or given up before"
    }
  }

  /// What the SMTP session says: 452 4.3.1 or 451 4.3.0. Source: RFC 5321 4.2.2.
  public var failure: MessageFailure {
    switch self {
    case .full: .full
    case .notWritable, .draftIsOver: .unavailable
    }
  }
}

/// A place where messages are kept.
public protocol MailStoring: Sendable {
  /// Begins a message; nothing of it is visible until it is committed.
  func begin() async throws(MailStoreError) -> any MailDraft
}

/// A message on its way into a store. One task uses it at a time.
public protocol MailDraft: AnyObject, Sendable {
  /// The name of the message in the store, for the trace header and the `250`.
  var identifier: String { get }
  /// Takes octets; waits while the store has too many of them in memory.
  func append(_ octets: [UInt8]) async throws(MailStoreError)
  /// Makes the message durable and visible; when this returns it will survive a crash.
  func commit() async throws(MailStoreError)
  /// Gives the message up; nothing of it stays.
  func discard() async
}
