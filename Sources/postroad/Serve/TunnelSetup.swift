import Frames
import Glibc
import Wire

/// A TUN device that is ready for a stack: attached to or made, addressed, up.
enum TunnelSetup {
  /// Opens the device.
  ///
  /// What exists already is left as it is: an address that the kernel's side has, and a device
  /// that is up. So a device that was prepared for a user needs no rights of him.
  static func open(_ name: String, ours: IPv4Prefix, kernel: IPv4Address) throws -> TUNDevice {
    if let taken = interface(with: ours.address) {
      throw complain(
        "\(ours.address) is the kernel's own address, on \(taken): the kernel would answer in our"
          + " place; choose another --address")
    }
    do throws(FrameError) {
      let device = try TUNDevice(name: name)
      let control = try NetworkInterfaceControl(name: name)
      if let there = try control.address {
        if there != kernel {
          note(
            "note: \(name) has the address \(there) already, and keeps it: \(kernel) is not set")
        }
      } else if ours.length < 31 {
        try control.setAddress(IPv4Prefix(kernel, length: ours.length))
      } else {
        try control.setAddress(kernel, peer: ours.address)
      }
      if try !control.isUp { try control.setUp() }
      return device
    } catch {
      throw complain("\(error)")
    }
  }

  /// The largest packet that the device takes.
  static func mtu(of name: String) -> Int {
    do throws(FrameError) {
      return try NetworkInterfaceControl(name: name).mtu
    } catch {
      return 1500
    }
  }

  /// The interface on which the kernel itself has the address.
  static func interface(with address: IPv4Address) -> String? {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard unsafe getifaddrs(&list) == 0, let first = unsafe list else { return nil }
    defer { unsafe freeifaddrs(first) }
    var next: UnsafeMutablePointer<ifaddrs>? = unsafe first
    while let entry = unsafe next {
      unsafe next = entry.pointee.ifa_next
      guard let socketAddress = unsafe entry.pointee.ifa_addr,
        unsafe Int32(socketAddress.pointee.sa_family) == AF_INET
      else { continue }
      let raw = unsafe socketAddress.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        unsafe $0.pointee.sin_addr.s_addr
      }
      if UInt32(bigEndian: raw) == address.rawValue {
        return unsafe String(cString: entry.pointee.ifa_name)
      }
    }
    return nil
  }
}
