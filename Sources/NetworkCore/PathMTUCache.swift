package import Octets
package import Wire

/// How large packets to a host may be. Source: RFC 1191.
package struct PathMTUCache: Sendable {
  /// The least that we believe. RFC 1191 section 3 allows 68; less than 552 is an attack, or a path
  /// so odd that its routers had better cut: what is sent at the floor goes without DF.
  package static let floor = 552
  /// Hosts that are remembered.
  package static let limit = 1024
  /// RFC 1191 section 6.3: after ten minutes larger packets are tried again.
  private static let lifetime: Int64 = 600 * 1_000_000_000
  /// RFC 1191 section 7.1: what routers that don't tell are likely to take.
  private static let plateaus = [32_000, 17_914, 8166, 4352, 2002, 1492, 1006, 552]

  private struct Entry: Sendable {
    var mtu: Int
    var expires: Instant
  }

  private var entries: [IPv4Address: Entry] = [:]

  /// Nothing is known.
  package init() {}

  /// The MTU of the path to a host, if it is known to be less than the link's.
  package func mtu(to host: IPv4Address, at now: Instant) -> Int? {
    guard !entries.isEmpty, let entry = entries[host], entry.expires > now else { return nil }
    return entry.mtu
  }

  /// A router could not forward `length` octets and told `mtu`, or 0. Returns what holds now.
  package mutating func tooBig(
    to host: IPv4Address, length: Int, mtu: Int, at now: Instant
  ) -> Int {
    var believed = mtu
    if mtu == 0 || mtu >= length {
      // Below the least plateau nothing can have been too long: what was told is all there is.
      believed = Self.plateaus.first { $0 < length } ?? mtu
    }
    believed = max(believed, Self.floor)
    if entries.count >= Self.limit, entries[host] == nil { makeRoom(at: now) }
    let known = self.mtu(to: host, at: now) ?? .max
    entries[host] = Entry(
      mtu: min(known, believed), expires: now.advanced(byNanoseconds: Self.lifetime))
    return min(known, believed)
  }

  /// Hosts of which something is known, be it too old.
  package var count: Int { entries.count }

  /// Forgets what is too old, or else the oldest eighth, so that it is seldom called.
  private mutating func makeRoom(at now: Instant) {
    entries = entries.filter { $0.value.expires > now }
    guard entries.count >= Self.limit else { return }
    for entry in entries.sorted(by: { $0.value.expires < $1.value.expires }).prefix(Self.limit / 8)
    {
      entries[entry.key] = nil
    }
  }
}
