import Glibc
import MailStore
import Synchronization

/// A file system in memory that knows what a power cut would leave, remembers the order of calls,
/// can fail each of them, and can stop for ever at any point.
final class FakeFileSystem: MailFileSystem {
  enum Call: Hashable, Sendable {
    case makeFolder, entries, create, write, synchronize, rename, remove, synchronizeFolder
  }

  struct Entry: Hashable, Sendable, CustomStringConvertible {
    let call: Call
    let path: String
    var description: String { "\(call) \(path)" }
  }

  private struct File {
    var octets: [UInt8] = []
    var durable: [UInt8] = []
  }

  private struct State {
    var files: [Int32: File] = [:]
    /// Names as processes see them, and as a power cut would leave them.
    var names: [String: Int32] = [:]
    var durableNames: [String: Int32] = [:]
    var modified: [String: Int64] = [:]
    var nextFile: Int32 = 3
    var log: [Entry] = []
    var openFiles: Set<Int32> = []
    var mostPieces = 0
    var failures: [Call: [Int: Int32]] = [:]
    var counts: [Call: Int] = [:]
    /// After so many calls nothing happens any more.
    var callsLeft = Int.max
  }

  private let state = Mutex(State())
  /// Called before each call, outside the lock; may block.
  private let hook: (@Sendable (Entry) -> Void)?

  init(hook: (@Sendable (Entry) -> Void)? = nil) { self.hook = hook }

  // MARK: For tests

  var log: [Entry] { state.withLock { $0.log } }
  var openFiles: Int { state.withLock { $0.openFiles.count } }
  /// The most pieces that were given to one write.
  var mostPieces: Int { state.withLock { $0.mostPieces } }
  func forgetLog() { state.withLock { $0.log = [] } }

  /// Fails the call of this kind with this number, counted from 0 from now on.
  func fail(_ call: Call, number: Int = 0, with error: Int32) {
    state.withLock { $0.failures[call, default: [:]][$0.counts[call, default: 0] + number] = error }
  }

  /// Lets so many more calls happen, then none.
  func stop(after calls: Int) { state.withLock { $0.callsLeft = calls } }

  func put(_ path: String, modified: Int64) {
    state.withLock {
      $0.names[path] = $0.nextFile
      $0.files[$0.nextFile] = File()
      $0.modified[path] = modified
      $0.nextFile += 1
    }
  }

  enum View: CaseIterable {
    /// What other processes see: a killed process loses nothing it has written.
    case processKilled
    /// Names and octets on stable storage only.
    case powerCut
    /// The names happened to reach the device, of the octets only what was synchronized.
    case namesFirst
  }

  /// The files in a folder as they would be found afterwards.
  func found(in folder: String, _ view: View = .processKilled) -> [String: [UInt8]] {
    state.withLock { state in
      let names = view == .powerCut ? state.durableNames : state.names
      var found: [String: [UInt8]] = [:]
      for (path, file) in names where path.hasPrefix(folder + "/") {
        let octets =
          view == .processKilled ? state.files[file]?.octets : state.files[file]?.durable
        found[String(path.dropFirst(folder.count + 1))] = octets
      }
      return found
    }
  }

  // MARK: MailFileSystem

  private func perform<Result>(
    _ call: Call, _ path: String, _ body: (inout State) -> Swift.Result<Result, FileSystemError>
  ) throws(FileSystemError) -> Result {
    hook?(Entry(call: call, path: path))
    return try state.withLock { state in
      state.log.append(Entry(call: call, path: path))
      let number = state.counts[call, default: 0]
      state.counts[call] = number + 1
      guard state.callsLeft > 0 else {
        return Swift.Result<Result, FileSystemError>.failure(FileSystemError("reach", path, EIO))
      }
      state.callsLeft -= 1
      if let error = state.failures[call]?[number] {
        return .failure(FileSystemError("do this with", path, error))
      }
      return body(&state)
    }.get()
  }

  func makeFolder(_ path: String) throws(FileSystemError) {
    try perform(.makeFolder, path) { _ in .success(()) }
  }

  func entries(of folder: String) throws(FileSystemError) -> [FolderEntry] {
    try perform(.entries, folder) { state in
      .success(
        state.names.keys.filter { $0.hasPrefix(folder + "/") }.map {
          FolderEntry(
            name: String($0.dropFirst(folder.count + 1)), modified: state.modified[$0] ?? .max)
        })
    }
  }

  func create(_ path: String) throws(FileSystemError) -> Int32 {
    try perform(.create, path) { state -> Result<Int32, FileSystemError> in
      guard state.names[path] == nil else {
        return .failure(FileSystemError("create", path, EEXIST))
      }
      let file = state.nextFile
      state.nextFile += 1
      state.names[path] = file
      state.files[file] = File()
      state.openFiles.insert(file)
      return .success(file)
    }
  }

  func write(_ pieces: [[UInt8]], to file: Int32, at path: String) throws(FileSystemError) {
    // A failing write may have written a part.
    state.withLock { state in
      state.mostPieces = max(state.mostPieces, pieces.count)
      if state.callsLeft > 0, let first = pieces.first?.prefix(1) {
        state.files[file]?.octets += first
      }
    }
    var rest = pieces
    if rest.first?.isEmpty == false { rest[0].removeFirst() }
    try perform(.write, path) { state -> Result<Void, FileSystemError> in
      for piece in rest { state.files[file]?.octets += piece }
      return .success(())
    }
  }

  func beginSynchronizing(_ file: Int32) {}

  func synchronize(_ file: Int32, at path: String) throws(FileSystemError) {
    try perform(.synchronize, path) { state -> Result<Void, FileSystemError> in
      let octets = state.files[file]?.octets ?? []
      state.files[file]?.durable = octets
      return .success(())
    }
  }

  func close(_ file: Int32) { state.withLock { _ = $0.openFiles.remove(file) } }

  func rename(_ path: String, to target: String) throws(FileSystemError) {
    try perform(.rename, path) { state -> Result<Void, FileSystemError> in
      guard let file = state.names.removeValue(forKey: path) else {
        return .failure(FileSystemError("move", path, ENOENT))
      }
      state.names[target] = file
      return .success(())
    }
  }

  func checkMoves(from folder: String, to target: String) throws(FileSystemError) {}

  func remove(_ path: String) throws(FileSystemError) {
    try perform(.remove, path) { state -> Result<Void, FileSystemError> in
      guard state.names.removeValue(forKey: path) != nil else {
        return .failure(FileSystemError("remove", path, ENOENT))
      }
      return .success(())
    }
  }

  func synchronizeFolder(_ path: String) throws(FileSystemError) {
    try perform(.synchronizeFolder, path) { state -> Result<Void, FileSystemError> in
      for name in state.durableNames.keys where name.hasPrefix(path + "/") {
        if state.names[name] == nil { state.durableNames[name] = nil }
      }
      for (name, file) in state.names where name.hasPrefix(path + "/") {
        state.durableNames[name] = file
      }
      return .success(())
    }
  }
}
