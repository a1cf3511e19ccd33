import Glibc

/// Why a device or an interface cannot be used: one sentence for people.
public enum FrameError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The kernel offers no TUN devices here.
  case tunUnavailable
  /// The caller lacks a right.
  case notPermitted(device: String, capability: String)
  /// Somebody else is attached to the device.
  case busy(device: String)
  /// A device exists under that name, and is of another kind.
  case wrongKind(device: String)
  /// There is no interface of that name.
  case noSuchInterface(String)
  /// The device was deleted while it was used.
  case gone(device: String)
  /// A name that no interface can have.
  case invalidName(String)
  /// A filter expression that does not compile, with libpcap's reason.
  case filter(expression: String, reason: String)
  /// libpcap's own sentence.
  case capture(device: String, reason: String)
  /// Anything else that the kernel refused.
  case system(operation: String, device: String, error: Int32)

  /// A sentence for people.
  public var description: String {
    switch self {
    case .tunUnavailable:
      "there is no /dev/net/tun: load the kernel's tun module or give the container that device"
    case .notPermitted(let device, let capability):
      "no permission to use \(device): it needs \(capability) (run as root or with sudo)"
    case .busy(let device): "\(device) is in use by another program"
    case .wrongKind(let device):
      "\(device) exists and is not a device of the kind that was asked for"
    case .noSuchInterface(let name): "there is no interface named \(name)"
    case .gone(let device): "\(device) is gone: it was deleted while it was used"
    case .invalidName(let name):
      "'\(name)' cannot name an interface: 1 to 15 octets without '/', ':' or white space"
    case .filter(let expression, let reason): "cannot compile filter '\(expression)': \(reason)"
    case .capture(let device, let reason): "cannot capture on \(device): \(reason)"
    case .system(let operation, let device, let error):
      "cannot \(operation) \(device): \(errorText(error))"
    }
  }

  /// The error for a negated errno from an operation on a device.
  static func kernel(_ operation: String, _ device: String, _ result: Int32) -> FrameError {
    switch -result {
    case EPERM, EACCES: .notPermitted(device: device, capability: "CAP_NET_ADMIN")
    case EBUSY: .busy(device: device)
    case ENODEV: .noSuchInterface(device)
    case let error: .system(operation: operation, device: device, error: error)
    }
  }
}

/// The C library's text for an errno.
func errorText(_ error: Int32) -> String {
  guard let text = unsafe strerror(error) else { return "error \(error)" }
  return unsafe String(cString: text)
}

/// Whether the kernel takes `name` as an interface's.
func isInterfaceName(_ name: String) -> Bool {
  (1...15).contains(name.utf8.count) && name != "." && name != ".."
    && name.utf8.allSatisfy {
      $0 > 32 && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: ":") && $0 != 127
    }
}
