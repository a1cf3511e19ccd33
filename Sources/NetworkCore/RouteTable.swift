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
  /// The routes, longest prefix first: the first that fits is the best.
  package private(set) var routes: [Route] = []

  /// No routes.
  package init() {}

  /// Adds a route; one for the same network is replaced.
  package mutating func add(_ route: Route) {
    routes.removeAll {
      $0.prefix.length == route.prefix.length && $0.prefix.network == route.prefix.network
    }
    let place =
      routes.firstIndex { $0.prefix.length < route.prefix.length } ?? routes.endIndex
    routes.insert(route, at: place)
  }

  /// The route for an address; nil when none leads there. Linear in the number of routes.
  package func route(to address: IPv4Address) -> Route? {
    for route in routes where route.prefix.contains(address) { return route }
    return nil
  }
}
