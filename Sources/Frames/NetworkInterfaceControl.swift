import CTun
import Glibc
public import Wire

/// The kernel's side of an interface: addresses, MTU, up or down.
/// Source: Linux, netdevice(7). Changes need CAP_NET_ADMIN.
public struct NetworkInterfaceControl: Hashable, Sendable {
  /// The interface's name.
  public let name: String

  /// The control of the interface of that name, which must exist.
  public init(name: String) throws(FrameError) {
    guard isInterfaceName(name) else { throw .invalidName(name) }
    self.name = name
    _ = try isUp
  }

  /// Whether the interface is up.
  public var isUp: Bool {
    get throws(FrameError) {
      try unsafe check("query", postroad_interface_is_up(name)) == 1
    }
  }

  /// Brings the interface up or takes it down.
  public func setUp(_ isUp: Bool = true) throws(FrameError) {
    try unsafe check(isUp ? "bring up" : "take down", postroad_interface_set_up(name, isUp ? 1 : 0))
  }

  /// The longest packet that the interface carries, in octets.
  public var mtu: Int {
    get throws(FrameError) {
      Int(try unsafe check("query the MTU of", postroad_interface_get_mtu(name)))
    }
  }

  /// Sets the longest packet that the interface carries, in octets.
  public func setMTU(_ mtu: Int) throws(FrameError) {
    try unsafe check(
      "set the MTU of", postroad_interface_set_mtu(name, Int32(clamping: mtu)))
  }

  /// Gives the kernel's side an address with the mask of its network.
  public func setAddress(_ prefix: IPv4Prefix) throws(FrameError) {
    try set(Int32(POSTROAD_LOCAL), prefix.address, "set the address of")
    try set(
      Int32(POSTROAD_NETMASK), IPv4Address(rawValue: prefix.mask), "set the netmask of")
  }

  /// Gives the kernel's side an address, and names the one host at the other end.
  public func setAddress(_ local: IPv4Address, peer: IPv4Address) throws(FrameError) {
    try set(Int32(POSTROAD_LOCAL), local, "set the address of")
    try set(Int32(POSTROAD_PEER), peer, "set the peer address of")
  }

  /// The first IPv4 address of the kernel's side; nil when it has none.
  public var address: IPv4Address? {
    get throws(FrameError) { try get(Int32(POSTROAD_LOCAL)) }
  }

  /// The address at the other end; nil when the interface has no address.
  public var peer: IPv4Address? {
    get throws(FrameError) { try get(Int32(POSTROAD_PEER)) }
  }

  /// The address with the length of its mask; nil when the interface has no address.
  public var prefix: IPv4Prefix? {
    get throws(FrameError) {
      guard let address = try address, let mask = try get(Int32(POSTROAD_NETMASK)) else {
        return nil
      }
      return IPv4Prefix(address, length: UInt8(mask.rawValue.nonzeroBitCount))
    }
  }

  private func set(
    _ which: Int32, _ address: IPv4Address, _ operation: String
  ) throws(FrameError) {
    try unsafe check(operation, postroad_interface_set_address(name, which, address.rawValue))
  }

  private func get(_ which: Int32) throws(FrameError) -> IPv4Address? {
    var value: UInt32 = 0
    let result = unsafe postroad_interface_get_address(name, which, &value)
    if result == -EADDRNOTAVAIL { return nil }
    try check("query the address of", result)
    return IPv4Address(rawValue: value)
  }

  @discardableResult
  private func check(_ operation: String, _ result: Int32) throws(FrameError) -> Int32 {
    guard result >= 0 else { throw .kernel(operation, name, result) }
    return result
  }
}

/// The network namespace of a thread, for tests that make devices in one of their own.
package enum NetworkNamespace {
  /// Moves the calling thread into the namespace made by `ip netns add NAME`.
  package static func enter(named name: String) throws(FrameError) {
    let result = unsafe postroad_enter_network_namespace("/run/netns/" + name)
    guard result == 0 else { throw .kernel("enter network namespace", name, result) }
  }
}
