import Analysis
import Glibc

/// Writes the mails of a capture into a folder: one file each, named by connection and number.
struct MailFolder {
  /// A mail that was found.
  struct Mail {
    let stream: Int
    let number: Int
    let origin: MailEvent.Origin
    let path: String
    var octets = 0
    var missing = 0
    var problem: String?
    /// What the server said to it; nil where it said nothing that the capture has.
    var answer: (isAccepted: Bool, reply: String)?
  }

  private struct Key: Hashable {
    let stream: Int
    let number: Int
  }

  /// Octets of a mail, and of all mails, that are gathered before they are written.
  private static let gathered = 65_536
  private static let gatheredInAll = 16 << 20

  private let folder: String
  private let onlyStream: Int?
  private var places: [Key: Int] = [:]
  private var pending: [Key: [UInt8]] = [:]
  private var pendingOctets = 0
  /// Every mail, in the order of their beginnings.
  private(set) var mails: [Mail] = []
  /// The first thing that could not be written.
  private(set) var failure: String?

  /// A folder, which is made where there is none.
  init(_ folder: String, onlyStream: Int?) throws {
    (self.folder, self.onlyStream) = (folder, onlyStream)
    guard unsafe mkdir(folder, 0o777) != 0, errno != EEXIST else { return }
    throw complain("\(folder): \(systemText(errno))")
  }

  /// What happened to mails of a connection.
  mutating func take(_ events: [MailEvent], of stream: Int) {
    guard failure == nil, onlyStream ?? stream == stream else { return }
    for event in events { take(event, Key(stream: stream, number: event.number)) }
  }

  private mutating func take(_ event: MailEvent, _ key: Key) {
    if case .began(let origin) = event.kind {
      let path = "\(folder)/stream\(key.stream)-mail\(key.number).eml"
      places[key] = mails.count
      mails.append(Mail(stream: key.stream, number: key.number, origin: origin, path: path))
      write([], to: path, isNew: true)
      return
    }
    guard let place = places[key] else { return }
    switch event.kind {
    case .began: break
    case .octets(let octets):
      mails[place].octets += octets.count
      pending[key, default: []] += octets
      pendingOctets += octets.count
      if pending[key]?.count ?? 0 >= Self.gathered { flush(key, place) }
      if pendingOctets >= Self.gatheredInAll {
        for (key, place) in places where pending[key] != nil { flush(key, place) }
      }
    case .missing(let count): mails[place].missing += count
    case .ended(let problem):
      mails[place].problem = problem
      flush(key, place)
    case .answered(let isAccepted, let reply): mails[place].answer = (isAccepted, reply)
    }
  }

  private mutating func flush(_ key: Key, _ place: Int) {
    guard let octets = pending.removeValue(forKey: key) else { return }
    pendingOctets -= octets.count
    write(octets, to: mails[place].path, isNew: false)
  }

  private mutating func write(_ octets: [UInt8], to path: String, isNew: Bool) {
    let descriptor = unsafe open(
      path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (isNew ? O_TRUNC : O_APPEND), 0o666)
    guard descriptor >= 0 else {
      failure = failure ?? "\(path): \(systemText(errno))"
      return
    }
    defer { close(descriptor) }
    let error = postroad.write(octets.span, to: descriptor)
    if error != 0 { failure = failure ?? "\(path): \(systemText(error))" }
  }
}
