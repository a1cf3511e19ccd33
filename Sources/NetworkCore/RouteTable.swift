public import Wire

/// Where packets for a network go.
public struct Route: Hashable, Sendable {
  /// The network.
  public var prefix: IPv4Prefix
  /// The next hop; nil when the network is on the link itself.
  public var gateway: IPv4Address?
  /// The interface, by its number in the stack.
  public var interface: Int

  /// A route from its parts.
  public init(prefix: IPv4Prefix, gateway: IPv4Address? = nil, interface: Int) {
    self.prefix = prefix
    self.gateway = gateway
    self.interface = interface
  }
}

/// Finds the most specific route. Source: RFC 1122 section 3.3.1; RFC 4632 section 5.1.
package struct RouteTable: Sendable {
  /// A route's place: its prefix length above the bits of its network.
  private var table: [UInt64: Route] = [:]
  /// The prefix lengths that occur, longest first: one look each.
  private var lengths: [UInt8] = []

  /// No routes.
  package init() {}

  private static func place(_ address: IPv4Address, _ length: UInt8) -> UInt64 {
    let network = IPv4Prefix(address, length: length).network
    return UInt64(length) << 32 | UInt64(network.rawValue)
  }

  /// The routes, longest prefix first.
  package var routes: [Route] {
    table.sorted {
      ($1.value.prefix.length, $0.key) < ($0.value.prefix.length, $1.key)
    }.map(\.value)
  }

  /// Adds a route; one for the same network is replaced.
  package mutating func add(_ route: Route) {
    let length = route.prefix.length
    table[Self.place(route.prefix.address, length)] = route
    guard !lengths.contains(length) else { return }
    lengths.insert(length, at: lengths.firstIndex { $0 < length } ?? lengths.endIndex)
  }

  /// Removes the route for a network; nil when there was none.
  @discardableResult
  package mutating func remove(_ prefix: IPv4Prefix) -> Route? {
    guard let removed = table.removeValue(forKey: Self.place(prefix.address, prefix.length))
    else { return nil }
    if !table.values.contains(where: { $0.prefix.length == prefix.length }) {
      lengths.removeAll { $0 == prefix.length }
    }
    return removed
  }

  /// The route for an address; nil when none leads there. However many routes there are, at most
  /// 33 looks into a hash table.
  package func route(to address: IPv4Address) -> Route? {
    for length in lengths {
      if let route = table[Self.place(address, length)] { return route }
    }
    return nil
  }
}
