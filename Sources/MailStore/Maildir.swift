import Glibc
public import Mail
import Synchronization

/// Why a Maildir cannot be used: one sentence for people that names the path and the cause.
public struct MaildirOpenError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The Maildir.
  public let path: String
  /// What failed, and why.
  public let cause: String

  /// The sentence.
  public var description: String { "Maildir \(path) is not usable: \(cause)" }
}

/// Messages as files: `tmp` for what is being written, `new` for what is whole, `cur` for what a
/// reader has seen. Source: the Maildir specification (cr.yp.to/proto/maildir.html).
///
/// A message that ``MailDraft/commit()`` has returned for survives a crash of the process and of
/// the machine; one that it has not is never visible. Nothing here blocks the caller's thread.
public final class Maildir: MailStoring {
  /// Octets of a message held in memory before they are written to its file.
  package static let spillSize = 64 * 1024

  /// Where it is.
  public let path: String
  private let host: String
  private let writer: MaildirWriter

  /// Opens a Maildir, and makes what is missing of it; removes what dead processes left in `tmp`.
  ///
  /// Blocks while it does so: meant for the start of a program.
  /// - Parameter hostname: part of the name of each message.
  public convenience init(path: String, hostname: DomainName) throws(MaildirOpenError) {
    try self.init(path: path, hostname: hostname.description, files: KernelFileSystem())
  }

  /// Opens a Maildir on any file system.
  package init(
    path: String, hostname: String, files: any MailFileSystem
  ) throws(MaildirOpenError) {
    var path = path
    while path.utf8.count > 1, path.utf8.last == 47 { path.removeLast() }
    self.path = path
    host = hostname
    writer = MaildirWriter(path: path, files: files)
    do throws(FileSystemError) {
      for folder in [path, "\(path)/tmp", "\(path)/new", "\(path)/cur"] {
        try files.makeFolder(folder)
      }
      try files.synchronizeFolder(path)
      // A parent that may be used but not read is no reason to fail.
      try? files.synchronizeFolder(Self.parent(of: path))
      // A probe says now what the first message would find out too late.
      let probe = "\(path)/tmp/\(MaildirName.next(host: hostname))"
      files.close(try files.create(probe))
      try files.remove(probe)
      try files.checkMoves(from: "\(path)/tmp", to: "\(path)/new")
      try files.synchronizeFolder("\(path)/new")
      let judge = LeftoverJudge(
        host: hostname, now: Int64(time(nil)), isAlive: LeftoverJudge.isRunning)
      for entry in try files.entries(of: "\(path)/tmp") where judge.isLeftover(entry) {
        try files.remove("\(path)/tmp/\(entry.name)")
      }
    } catch { throw MaildirOpenError(path: path, cause: error.description) }
  }

  private static func parent(of path: String) -> String {
    guard let slash = path.utf8.lastIndex(of: 47) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// How much was stored so far.
  public var statistics: MaildirStatistics { writer.statistics }

  /// Begins a message; nothing is written yet.
  public func begin() async throws(MailStoreError) -> any MailDraft {
    MaildirDraft(identifier: MaildirName.next(host: host), writer: writer)
  }
}

/// A message on its way into a Maildir.
final class MaildirDraft: MailDraft {
  private struct State {
    var file: Int32?
    var pieces: [[UInt8]] = []
    var count = 0
    var isOver = false

    /// Small pieces are joined: a client that sends octet by octet must not cost an array for each.
    mutating func keep(_ octets: [UInt8]) {
      if let last = pieces.indices.last, pieces[last].count < 4096 {
        pieces[last] += octets
      } else {
        pieces.append(octets)
      }
      count += octets.count
    }
  }

  let identifier: String
  private let writer: MaildirWriter
  private let state = Mutex(State())

  init(identifier: String, writer: MaildirWriter) {
    self.identifier = identifier
    self.writer = writer
  }

  deinit {
    let left = state.withLock { $0.isOver ? nil : $0.file }
    guard let left else { return }
    writer.discardLater(PendingMessage(name: identifier, file: left, pieces: []))
  }

  func append(_ octets: [UInt8]) async throws(MailStoreError) {
    enum Next { case nothing, over, spill(PendingMessage) }
    let next = state.withLock { state -> Next in
      guard !state.isOver else { return .over }
      if octets.isEmpty { return .nothing }
      state.keep(octets)
      guard state.count >= Maildir.spillSize else { return .nothing }
      return .spill(take(&state))
    }
    switch next {
    case .nothing: return
    case .over: throw .draftIsOver
    case .spill(let message):
      do throws(MailStoreError) {
        let file = try await writer.spill(message)
        state.withLock {
          $0.file = file
          $0.isOver = false
        }
      } catch { throw error }
    }
  }

  func commit() async throws(MailStoreError) {
    guard let message = takeForTheLastTime() else { throw .draftIsOver }
    try await writer.commit(message)
  }

  func discard() async {
    guard let message = takeForTheLastTime(), message.file != nil else { return }
    await writer.discard(message)
  }

  /// While a piece is written the draft is over for everybody else; it opens again afterwards.
  private func take(_ state: inout State) -> PendingMessage {
    let message = PendingMessage(name: identifier, file: state.file, pieces: state.pieces)
    state = State(isOver: true)
    return message
  }

  private func takeForTheLastTime() -> PendingMessage? {
    state.withLock { state in state.isOver ? nil : take(&state) }
  }
}
