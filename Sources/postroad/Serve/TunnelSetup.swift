import Frames
import Wire

/// A TUN device that is ready for a stack: attached to or made, addressed, up.
enum TunnelSetup {
  /// Opens the device.
  ///
  /// What exists already is left as it is: an address that the kernel's side has, and a device
  /// that is up. So a device that was prepared for a user needs no rights of him.
  static func open(
    _ name: String, ours: IPv4Prefix, kernel: IPv4Address
  ) throws(FrameError) -> TUNDevice {
    let device = try TUNDevice(name: name)
    let control = try NetworkInterfaceControl(name: name)
    if try control.address == nil {
      if ours.length < 31 {
        try control.setAddress(IPv4Prefix(kernel, length: ours.length))
      } else {
        try control.setAddress(kernel, peer: ours.address)
      }
    }
    if try !control.isUp { try control.setUp() }
    return device
  }

  /// The largest packet that the device takes.
  static func mtu(of name: String) -> Int {
    do throws(FrameError) {
      return try NetworkInterfaceControl(name: name).mtu
    } catch {
      return 1500
    }
  }
}
