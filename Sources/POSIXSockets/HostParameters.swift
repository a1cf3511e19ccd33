public import TCPCore

/// What an administrator sets for all sockets: the values behind `sysctl(8)` and `ip-route(8)`.
public struct HostParameters: Sendable {
  /// The configuration that new sockets begin with.
  public var tcp = TCPConfiguration()
  /// The defaults.
  public init() {}

  /// Sets a parameter by Linux's name, dots or slashes between the parts: `net.ipv4.tcp_sack`.
  ///
  /// - Throws: ``UnsupportedCall`` for a name that is unknown, or a value that cannot be kept.
  public mutating func set(_ name: String, to value: String) throws(UnsupportedCall) {
    throw UnsupportedCall(what: "sysctl \(name)")
  }

  /// The value of a parameter by Linux's name.
  public func value(of name: String) throws(UnsupportedCall) -> String {
    throw UnsupportedCall(what: "sysctl \(name)")
  }
}
