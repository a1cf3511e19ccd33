import Mail
import Synchronization

/// A store in memory, for tests and demonstrations: nothing survives the process.
public final class MemoryMailStore: MailStoring {
  /// A message that was committed.
  public struct Message: Hashable, Sendable {
    /// Its name.
    public let identifier: String
    /// Its octets.
    public let octets: [UInt8]
  }

  private struct Contents {
    var messages: [Message] = []
    var octets = 0
    var begun = 0
  }

  private let limit: Int
  private let contents = Mutex(Contents())

  /// An empty store.
  /// - Parameter limit: octets of all messages together; a commit beyond them is ``MailStoreError/full``.
  public init(limit: Int = .max) { self.limit = limit }

  /// The messages so far, in the order they were committed.
  public var messages: [Message] { contents.withLock { $0.messages } }

  /// Begins a message.
  public func begin() async throws(MailStoreError) -> any MailDraft {
    let number = contents.withLock {
      $0.begun += 1
      return $0.begun
    }
    return Draft(store: self, identifier: "memory-\(number)")
  }

  private func keep(_ message: Message) throws(MailStoreError) {
    let fits = contents.withLock { contents in
      guard message.octets.count <= limit - contents.octets else { return false }
      contents.octets += message.octets.count
      contents.messages.append(message)
      return true
    }
    guard fits else { throw .full }
  }

  private final class Draft: MailDraft {
    let store: MemoryMailStore
    let identifier: String
    let octets = Mutex<[UInt8]?>([])

    init(store: MemoryMailStore, identifier: String) {
      self.store = store
      self.identifier = identifier
    }

    func append(_ more: [UInt8]) async throws(MailStoreError) {
      let isOpen = octets.withLock { octets in
        guard octets != nil else { return false }
        octets? += more
        return true
      }
      guard isOpen else { throw .draftIsOver }
    }

    func commit() async throws(MailStoreError) {
      guard let taken = octets.withLock({ $0.take() }) else { throw .draftIsOver }
      try store.keep(Message(identifier: identifier, octets: taken))
    }

    func discard() async { octets.withLock { $0 = nil } }
  }
}
