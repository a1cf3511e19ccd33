public import Octets
public import Stack
import Wire

/// A connection that would wait for ever.
public struct StuckConnection: Hashable, Sendable, CustomStringConvertible {
  /// Its host's name.
  public let host: String
  /// What its host knows.
  public let connection: ConnectionSummary

  /// A line for people.
  public var description: String {
    "\(host): \(connection), without a timer"
  }
}

extension World {
  /// Connections that wait for something that only a timer can bring about, and have none.
  ///
  /// There must never be one, whatever the links do; ask after any ``step()``.
  public var stuckConnections: [StuckConnection] {
    var stuck: [StuckConnection] = []
    for index in handles.indices {
      withHost(index) { host in
        for connection in host.stack.connectionSummaries where connection.lacksTimer {
          stuck.append(StuckConnection(host: host.name, connection: connection))
        }
      }
    }
    return stuck
  }

  /// Two hosts on one link: `client` is 192.0.2.1, `server` is 192.0.2.2.
  public static func pair(
    seed: UInt64, conditions: LinkConditions = LinkConditions(), mtu: Int = 1500,
    configuration: StackConfiguration = StackConfiguration(), isEthernet: Bool = false,
    offload: OffloadCapabilities = .none
  ) -> World {
    var world = World(seed: seed)
    let link = world.addLink(conditions)
    for (number, name) in [(UInt8(1), "client"), (2, "server")] {
      let host = world.addHost(name, configuration: configuration)
      let medium: InterfaceMedium =
        isEthernet ? .ethernet(MACAddress(rawValue: 0x0200_0000_0000 | UInt64(number))) : .ip
      world.attach(
        host, to: link,
        as: InterfaceConfiguration(
          name: "link", medium: medium, mtu: mtu,
          addresses: [IPv4Prefix(IPv4Address(192, 0, 2, number), length: 24)], offload: offload))
    }
    return world
  }

  /// The first host of ``pair(seed:conditions:mtu:configuration:isEthernet:offload:)``.
  public var client: HostID { HostID(index: 0) }
  /// The second host of ``pair(seed:conditions:mtu:configuration:isEthernet:offload:)``.
  public var server: HostID { HostID(index: 1) }
}
