import Glibc
import Synchronization

/// The names of messages, which no two messages ever share. Source: the Maildir specification
/// (cr.yp.to/proto/maildir.html): time, then what is unique in this process, then the host.
///
/// `1795475700.M123456P4711R9f86d081884c7d65Q12.host.example`
struct MaildirName: Hashable, Sendable {
  /// Drawn once in the life of this process: another process with our number is not us.
  static let processToken = UInt64.random(in: 1 ... .max)
  private static let counter = Atomic<UInt64>(0)

  /// When it was given, in seconds since 1970.
  let seconds: Int64
  /// The process that gave it.
  let process: Int32
  /// The life of that process.
  let token: UInt64
  /// The host, as it stands at the end.
  let host: String

  /// A new name.
  static func next(host: String) -> String {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_REALTIME, &time)
    let number = counter.add(1, ordering: .relaxed).newValue
    let token = String(processToken, radix: 16)
    return
      "\(time.tv_sec).M\(time.tv_nsec / 1000)P\(getpid())R\(token)Q\(number).\(escaped(host))"
  }

  /// Slashes and colons have a meaning in paths and in Maildir's flags.
  static func escaped(_ host: String) -> String {
    host.map { $0 == "/" ? "\\057" : $0 == ":" ? "\\072" : String($0) }.joined()
  }

  /// Reads a name that ``next(host:)`` gave; nil for the names of others.
  init?(_ name: String) {
    let parts = name.split(separator: ".", maxSplits: 2)
    guard parts.count == 3, let seconds = Int64(parts[0]) else { return nil }
    let unique = parts[1]
    guard let p = unique.firstIndex(of: "P"), let r = unique.firstIndex(of: "R"),
      let q = unique.firstIndex(of: "Q"), unique.first == "M", p < r, r < q,
      let process = Int32(unique[unique.index(after: p)..<r]),
      let token = UInt64(unique[unique.index(after: r)..<q], radix: 16)
    else { return nil }
    self.seconds = seconds
    self.process = process
    self.token = token
    host = String(parts[2])
  }
}

/// Judges what lies in `tmp`: only what no living process can still be writing is removed.
struct LeftoverJudge {
  let host: String
  let now: Int64
  let isAlive: (Int32) -> Bool

  /// Source: the Maildir specification: files in tmp that are 36 hours old may be removed.
  static let age: Int64 = 36 * 3600

  func isLeftover(_ entry: FolderEntry) -> Bool {
    if now - entry.modified > Self.age { return true }
    guard let name = MaildirName(entry.name), name.host == MaildirName.escaped(host) else {
      return false
    }
    if name.process == getpid() { return name.token != MaildirName.processToken }
    return !isAlive(name.process)
  }

  /// Whether a process of this number runs on this machine.
  static func isRunning(_ process: Int32) -> Bool {
    kill(process, 0) == 0 || errno != ESRCH
  }
}
