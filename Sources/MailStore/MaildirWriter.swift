import Dispatch
import Synchronization

/// A message that is to be committed: where it is so far, and what is not written yet.
struct PendingMessage: Sendable {
  let name: String
  /// The file in `tmp`, if there is one already.
  var file: Int32?
  /// What has to be written behind it.
  var pieces: [[UInt8]]
}

/// Makes messages durable, many at once.
///
/// Order for each message: write, fdatasync of the file, rename into `new`, fsync of `new`; only
/// then success is told. Messages that arrive while a group is being made durable form the next
/// group, so the more sessions there are, the more messages share one fsync of the folder.
///
/// Invariants: 1. what is in `new` is whole, and its octets are durable; 2. success is told after
/// the fsync of `new`, never before; 3. after a failure nothing of the message is left.
///
/// A name can only be made durable once it is there, so between rename and fsync a reader may see a
/// message that is not promised yet. When that fsync fails (the device is broken, as a rule) there
/// is no right answer, only a safe one: the client is told to try again, and the message is taken
/// back out of `new`, as Dovecot does; left there, it would surely come twice. A reader that was
/// quicker has moved it to `cur` or read it, and gets it again later: twice perhaps, never not at
/// all (RFC 1047 accepts the same for a 250 that is lost on its way).
final class MaildirWriter: Sendable {
  /// Messages in a group, each an open file.
  static let largestGroup = 256

  private struct Job {
    var message: PendingMessage
    let answer: CheckedContinuation<Result<Void, MailStoreError>, Never>
  }

  private struct Waiting {
    /// One for each caller that waits: as many as there are sessions, at most.
    var jobs: [Job] = []
    var isRunning = false
    var statistics = MaildirStatistics()
  }

  let path: String
  private let files: any MailFileSystem
  private let waiting = Mutex(Waiting())
  private let commits = DispatchQueue(label: "postroad.maildir.commit")
  private let spills = DispatchQueue(label: "postroad.maildir.spill")
  /// Where the files of a group are waited for: file systems join waits that happen together into
  /// one write of their journal, so this is many times faster than one after the other.
  private let lanes: [DispatchQueue]

  init(path: String, files: any MailFileSystem, lanes: Int = 32) {
    self.path = path
    self.files = files
    self.lanes = (0..<lanes).map { DispatchQueue(label: "postroad.maildir.sync.\($0)") }
  }

  var statistics: MaildirStatistics {
    waiting.withLock { waiting in
      var statistics = waiting.statistics
      statistics.waiting = waiting.jobs.count
      return statistics
    }
  }

  /// Commits a message together with others that come at the same time.
  func commit(_ message: PendingMessage) async throws(MailStoreError) {
    let result = await withCheckedContinuation { answer in
      let mustStart = waiting.withLock { waiting in
        waiting.jobs.append(Job(message: message, answer: answer))
        defer { waiting.isRunning = true }
        return !waiting.isRunning
      }
      if mustStart { commits.async { self.run() } }
    }
    try result.get()
  }

  /// Writes what a large message has so far to its file in `tmp`; gives the file.
  func spill(_ message: PendingMessage) async throws(MailStoreError) -> Int32 {
    let result: Result<Int32, MailStoreError> = await withCheckedContinuation { answer in
      spills.async { answer.resume(returning: self.write(message, hint: true)) }
    }
    return try result.get()
  }

  /// Removes what a message has in `tmp`.
  func discard(_ message: PendingMessage) async {
    await withCheckedContinuation { answer in
      spills.async {
        self.remove(message)
        answer.resume()
      }
    }
  }

  /// Removes what a forgotten draft has in `tmp`, some time.
  func discardLater(_ message: PendingMessage) {
    spills.async { self.remove(message) }
  }

  // MARK: On the queues

  private func run() {
    while true {
      let group = waiting.withLock { waiting -> [Job] in
        let group = Array(waiting.jobs.prefix(Self.largestGroup))
        waiting.jobs.removeFirst(group.count)
        waiting.isRunning = !group.isEmpty
        if !group.isEmpty {
          waiting.statistics.messages += group.count
          waiting.statistics.groups += 1
        }
        return group
      }
      guard !group.isEmpty else { return }
      let results = commit(group.map(\.message))
      for (job, result) in zip(group, results) { job.answer.resume(returning: result) }
    }
  }

  /// Commits a group; a message that fails does not harm the others.
  func commit(_ group: [PendingMessage]) -> [Result<Void, MailStoreError>] {
    var results = [Result<Void, MailStoreError>](repeating: .success(()), count: group.count)
    var opened = [Int32?](repeating: nil, count: group.count)
    // All files first, so that the device has all of the work before the first wait.
    for index in group.indices {
      switch write(group[index], hint: group.count > 1) {
      case .success(let file): opened[index] = file
      case .failure(let error): results[index] = .failure(error)
      }
    }
    let synchronized = synchronize(group, opened)
    var renamed: [Int] = []
    for index in group.indices {
      guard let file = opened[index] else { continue }
      let name = group[index].name
      if let error = synchronized[index] {
        results[index] = .failure(error.storeError)
        remove(PendingMessage(name: name, file: file, pieces: []))
        continue
      }
      files.close(file)
      do throws(FileSystemError) {
        try files.rename("\(path)/tmp/\(name)", to: "\(path)/new/\(name)")
        renamed.append(index)
      } catch {
        results[index] = .failure(error.storeError)
        try? files.remove("\(path)/tmp/\(name)")
      }
    }
    guard !renamed.isEmpty else { return results }
    do throws(FileSystemError) {
      try files.synchronizeFolder("\(path)/new")
    } catch {
      // Whether the names are durable is not known: nothing is promised, see above.
      for index in renamed { results[index] = .failure(error.storeError) }
      takeBack(renamed.map { group[$0].name })
    }
    return results
  }

  /// Removes what nobody was promised from `new`, as far as the broken device lets it.
  private func takeBack(_ names: [String]) {
    var strays = 0
    for name in names {
      do throws(FileSystemError) {
        try files.remove("\(path)/new/\(name)")
      } catch { strays += 1 }
    }
    try? files.synchronizeFolder("\(path)/new")
    guard strays > 0 else { return }
    waiting.withLock { $0.statistics.strays += strays }
  }

  /// Waits until the files are durable; gives the error of each that is not.
  private func synchronize(
    _ group: [PendingMessage], _ opened: [Int32?]
  ) -> [FileSystemError?] {
    let errors = Mutex([FileSystemError?](repeating: nil, count: group.count))
    let work = group.indices.filter { opened[$0] != nil }
    let count = min(lanes.count, work.count)
    let perform = { @Sendable [files, path] (lane: Int) in
      for place in stride(from: lane, to: work.count, by: max(count, 1)) {
        guard let file = opened[work[place]] else { continue }
        do throws(FileSystemError) {
          try files.synchronize(file, at: "\(path)/tmp/\(group[work[place]].name)")
        } catch { errors.withLock { $0[work[place]] = error } }
      }
    }
    if count > 1 {
      let lanesLeft = DispatchGroup()
      for lane in 1..<count { lanes[lane].async(group: lanesLeft) { perform(lane) } }
      perform(0)
      lanesLeft.wait()
    } else {
      perform(0)
    }
    return errors.withLock { $0 }
  }

  /// Writes the pieces to the file, which is made if there is none; on failure nothing stays.
  private func write(_ message: PendingMessage, hint: Bool) -> Result<Int32, MailStoreError> {
    let place = "\(path)/tmp/\(message.name)"
    var opened = message.file
    do throws(FileSystemError) {
      let file: Int32
      if let already = opened { file = already } else { file = try files.create(place) }
      opened = file
      try files.write(message.pieces, to: file, at: place)
      if hint { files.beginSynchronizing(file) }
      return .success(file)
    } catch {
      remove(PendingMessage(name: message.name, file: opened, pieces: []))
      return .failure(error.storeError)
    }
  }

  private func remove(_ message: PendingMessage) {
    guard let file = message.file else { return }
    files.close(file)
    try? files.remove("\(path)/tmp/\(message.name)")
  }
}

/// How much a Maildir has stored, and how well its messages shared their waiting.
public struct MaildirStatistics: Hashable, Sendable {
  /// Messages given to be committed.
  public internal(set) var messages = 0
  /// Groups in which they were committed, each with one fsync of the folder.
  public internal(set) var groups = 0
  /// Messages that wait for the next group now.
  public internal(set) var waiting = 0
  /// Messages that lie in `new` though their senders were told to try again: the device failed while
  /// they were made durable, and once more when they were to be taken back.
  public internal(set) var strays = 0
}
