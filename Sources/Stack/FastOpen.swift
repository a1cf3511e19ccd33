package import Octets
import TCPCore
public import Wire

/// A secret from which a server makes its Fast Open cookies. RFC 7413 section 4.1.2.
public struct FastOpenKey: Hashable, Sendable {
  /// The first 64 bits.
  public let first: UInt64
  /// The other 64 bits.
  public let second: UInt64

  /// A key from its halves.
  public init(_ first: UInt64, _ second: UInt64) {
    self.first = first
    self.second = second
  }

  /// A key as Linux writes it: four words of up to eight hexadecimal digits, `a-b-c-d`.
  public init?(_ text: some StringProtocol) {
    let words = text.split(separator: "-", omittingEmptySubsequences: false).map {
      UInt32($0, radix: 16)
    }
    guard words.count == 4 else { return nil }
    var parts: [UInt64] = []
    for word in words {
      guard let word else { return nil }
      parts.append(UInt64(word))
    }
    self.init(parts[1] << 32 | parts[0], parts[3] << 32 | parts[2])
  }

  /// The cookie of a client: a keyed hash of both addresses.
  public func cookie(client: IPv4Address, server: IPv4Address) -> FastOpenCookie {
    let word = UInt64(client.rawValue.byteSwapped) | UInt64(server.rawValue.byteSwapped) << 32
    return FastOpenCookie(littleEndian: SipHash(key: first, second).hash(word))
  }
}

/// How a host uses Fast Open. RFC 7413.
public struct FastOpenSettings: Hashable, Sendable {
  /// Active opens may ask for cookies and use them.
  public var isClient = true
  /// Listeners with ``ListenOptions/fastOpenQueue`` above 0 give cookies and take data in a SYN.
  public var isServer = true
  /// Data goes with a SYN without a cookie: for closed networks only.
  public var sendsWithoutCookie = false
  /// Data in a SYN is taken without a cookie: for closed networks only.
  public var acceptsWithoutCookie = false
  /// The key of new cookies, and those that are still honoured.
  public var keys: [FastOpenKey] = []

  /// The defaults; a key is chosen by chance.
  public init() {}
}

/// When an active open with Fast Open sends its SYN.
public enum FastOpenUse: Hashable, Sendable {
  /// At once, with what is written in the same breath.
  case withData
  /// With the first write, if there is a cookie; otherwise at once, asking for one.
  case whenWritten
}

/// What a client remembers of servers. RFC 7413 section 4.1.3; bounded.
struct FastOpenCache {
  private struct Entry {
    var cookie: FastOpenOption?
    var maximumSegmentSize: Int
    /// Which kind of request went unanswered: 1 the standard one, 2 both.
    var unanswered = 0
    var losses = 0
    var lastLoss = Instant.start
  }

  private static var limit: Int { 1024 }
  private var entries: [IPv4Address: Entry] = [:]
  private var order: [IPv4Address] = []

  /// What a SYN to a server should try.
  func attempt(
    _ server: IPv4Address, withoutCookie: Bool, _ use: FastOpenUse, at now: Instant
  ) -> FastOpenAttempt {
    let entry = entries[server]
    let size = entry?.maximumSegmentSize
    if withoutCookie {
      return FastOpenAttempt(
        option: nil, carriesData: true, maximumSegmentSize: size ?? 1460,
        waitsForData: use == .whenWritten)
    }
    // Data in SYNs was lost twice in a row: an ordinary open for a while. RFC 7413 4.1.3.1.
    if let entry, entry.losses > 1, now.nanoseconds(since: entry.lastLoss) < 60_000_000_000 << 2 {
      return FastOpenAttempt(option: nil, carriesData: false)
    }
    if let cookie = entry?.cookie {
      return FastOpenAttempt(
        option: cookie, carriesData: true, maximumSegmentSize: size,
        waitsForData: use == .whenWritten)
    }
    return FastOpenAttempt(
      option: FastOpenOption(isExperimental: entry?.unanswered == 1), carriesData: false)
  }

  mutating func learn(_ server: IPv4Address, _ lesson: FastOpenLesson, at now: Instant) {
    if entries[server] == nil {
      if order.count >= Self.limit { entries[order.removeFirst()] = nil }
      order.append(server)
    }
    var entry = entries[server] ?? Entry(maximumSegmentSize: lesson.maximumSegmentSize)
    entry.maximumSegmentSize = lesson.maximumSegmentSize
    if let cookie = lesson.cookie {
      entry.cookie = cookie
    } else if let asked = lesson.unanswered, entry.cookie == nil {
      entry.unanswered = max(entry.unanswered, asked.isExperimental ? 2 : 1)
    }
    if lesson.lostSYN {
      entry.losses += 1
      entry.lastLoss = now
    } else {
      entry.losses = 0
    }
    entries[server] = entry
  }

  mutating func removeAll() { self = FastOpenCache() }
}

extension Stack {
  /// Forgets what was learnt about servers: cookies and segment sizes.
  public mutating func forgetServers() { fastOpenCache.removeAll() }

  /// A server's cookie is known from elsewhere, as if it had been given to this host.
  package mutating func rememberCookie(
    _ cookie: FastOpenOption, of server: IPv4Address, maximumSegmentSize: Int, at now: Instant
  ) {
    fastOpenCache.learn(
      server,
      FastOpenLesson(cookie: cookie, maximumSegmentSize: maximumSegmentSize),
      at: now)
  }

  /// Octets that the SYN of a connection will carry at most; 0 when it carries none.
  public func roomInSYN(_ socket: SocketID) -> Int {
    guard socket.kind == .connection, let slot = unsafe connections.pointer(to: socket.handle)
    else { return 0 }
    return unsafe slot.pointee.connection.roomInSYN
  }

  /// What a listener makes of the Fast Open option of a SYN. RFC 7413 section 4.2.2.
  enum EarlyVerdict {
    /// An ordinary handshake.
    case ordinary
    /// An ordinary handshake, and this in the SYN,ACK.
    case answer(FastOpenOption)
    /// The data is taken, and perhaps a newer cookie is given.
    case early(FastOpenOption?)
  }

  mutating func judgeEarly(
    _ syn: borrowing TCPSegmentView, _ ends: TCPEndpoints, _ listener: SlabHandle
  ) -> EarlyVerdict {
    let queue = listeners.withElement(listener) { ($0.options.fastOpenQueue, $0.early) } ?? (0, 0)
    let option = TCPOptions(parsing: syn.options).fastOpen
    let hasData = syn.length > 1
    guard fastOpen.isServer, queue.0 > 0, hasData || option != nil else { return .ordinary }
    guard queue.1 < queue.0 else {
      counters.stack.note(.refuseEarlyData)
      return .ordinary
    }
    let needsCookie =
      listeners.withElement(listener) { $0.tcp.fastOpenNeedsCookie } ?? true
    if fastOpen.acceptsWithoutCookie || !needsCookie { return .early(nil) }
    let own = listeners.withElement(listener) { $0.options.fastOpenKeys } ?? []
    let keys = own.isEmpty ? fastOpen.keys : own
    guard let option, let newest = keys.first else { return .ordinary }
    let client = ends.remote.address
    let server = ends.local.address
    let fresh = FastOpenOption(
      newest.cookie(client: client, server: server), isExperimental: option.isExperimental)
    guard option.cookie.count > 0 else { return .answer(fresh) }
    for (age, key) in keys.enumerated()
    where key.cookie(client: client, server: server) == option.cookie {
      return .early(age == 0 ? nil : fresh)
    }
    counters.stack.note(.refuseEarlyData)
    return .answer(fresh)
  }
}
