import Mail
import MailService
import TCPCore
import Wire

/// A value that a setting cannot have; the sentence names both.
struct SettingError: Error {
  let sentence: String
}

/// What `serve` was asked to do, from its options and its configuration file.
///
/// Both give names and texts, and both are checked here, so that they mean the same.
struct ServeSettings {
  var tun: String?
  var address: IPv4Prefix?
  var peer: IPv4Address?
  var maildir = "Maildir"
  var hostname: String?
  var domains: [String] = []
  var mailboxes: [String] = []
  var maximumSize = 52_428_800
  var idleTimeout = 300
  var maximumSessions = 1000
  /// Nil: as the server thinks fit.
  var maximumSessionsPerPeer: Int?
  var greetingDelay = 0
  var pipelining = PipeliningPolicy.groups
  var normalizedClients: [AddressRange] = []
  var services: [SmallService] = []
  var smtpPort: Port = 25
  var congestion = CongestionAlgorithm.cubic
  var capture: String?
  var explains = false

  /// The configuration of every TCP connection.
  var tcp: TCPConfiguration {
    var tcp = TCPConfiguration()
    tcp.congestion = congestion
    return tcp
  }

  /// What may be set more than once: each adds to what is there.
  static let lists: Set<String> = ["domain", "mailbox", "service", "normalize-from"]

  /// Sets what the option of that name sets; `lists` grow.
  mutating func set(_ name: String, to value: String) throws(SettingError) {
    func wrong(_ wanted: String) -> SettingError {
      SettingError(sentence: "--\(name) must be \(wanted), not '\(value)'")
    }
    func number(_ range: ClosedRange<Int>, _ unit: String) throws(SettingError) -> Int {
      guard let number = Int(value), range.contains(number) else {
        throw wrong("\(unit) from \(range.lowerBound) to \(range.upperBound)")
      }
      return number
    }
    switch name {
    case "tun":
      guard Self.isDevice(value) else { throw wrong("a device name of 1 to 15 letters") }
      tun = value
    case "address":
      guard let prefix = IPv4Prefix(value), Self.isHost(prefix.address), prefix.length > 0 else {
        throw wrong("an address with its prefix length, such as 192.0.2.1/24")
      }
      guard Self.isHost(prefix.address, of: prefix) else {
        throw wrong("a host's address, which the first and the last of a network are not")
      }
      address = prefix
    case "peer":
      guard let address = IPv4Address(value), Self.isHost(address) else {
        throw wrong("an IPv4 address, such as 192.0.2.2")
      }
      peer = address
    case "maildir":
      guard !value.isEmpty else { throw wrong("a folder") }
      maildir = value
    case "hostname":
      guard Self.isDomain(value) else { throw wrong("a domain name") }
      hostname = value
    case "domain":
      guard Self.isDomain(value) else { throw wrong("a domain name") }
      domains.append(value)
    case "mailbox":
      guard Self.isMailbox(value) else { throw wrong("a mailbox name, the part before the @") }
      mailboxes.append(value)
    case "max-size": maximumSize = try number(1...2_147_483_647, "a number of octets")
    case "idle-timeout": idleTimeout = try number(1...86_400, "a number of seconds")
    case "max-sessions": maximumSessions = try number(1...100_000, "a number")
    case "max-sessions-per-peer": maximumSessionsPerPeer = try number(1...100_000, "a number")
    // Longer than a client waits would be for nobody (RFC 5321 4.5.3.2.1).
    case "greeting-delay": greetingDelay = try number(0...300, "a number of seconds")
    case "pipelining":
      guard value == "groups" || value == "any" else { throw wrong("groups or any") }
      pipelining = value == "any" ? .any : .groups
    case "normalize-from":
      guard let range = AddressRange(value) else {
        throw wrong("addresses, such as 192.0.2.0/24")
      }
      normalizedClients.append(range)
    case "service":
      for word in value.split(separator: ",", omittingEmptySubsequences: false) {
        guard let service = SmallService(rawValue: String(word)) else {
          let known = SmallService.allCases.map(\.rawValue).joined(separator: ", ")
          throw SettingError(sentence: "--service must be some of \(known), not '\(word)'")
        }
        if !services.contains(service) { services.append(service) }
      }
    case "smtp-port": smtpPort = Port(UInt16(try number(1...65_535, "a port")))
    case "congestion":
      guard let known = CongestionAlgorithm(rawValue: value) else {
        throw wrong(CongestionAlgorithm.allCases.map(\.rawValue).joined(separator: " or "))
      }
      congestion = known
    case "pcap":
      guard !value.isEmpty else { throw wrong("a file") }
      capture = value
    case "explain":
      guard let wanted = Bool(value) else { throw wrong("true or false") }
      explains = wanted
    default:
      throw SettingError(sentence: "there is no setting '\(name)'")
    }
  }

  /// What only all settings together can tell.
  func check() throws(SettingError) {
    if tun == nil { throw SettingError(sentence: "--tun is missing: the name of the TUN device") }
    guard let address else {
      throw SettingError(sentence: "--address is missing: our address, such as 192.0.2.1/24")
    }
    if let peer {
      if peer == address.address {
        throw SettingError(sentence: "--peer must not be our own address \(peer)")
      }
      if address.length < 31 && !address.contains(peer) {
        throw SettingError(sentence: "--peer \(peer) is not in the network of \(address)")
      }
      if !Self.isHost(peer, of: address) {
        throw SettingError(
          sentence: "--peer must be a host's address in the network of \(address), not \(peer)")
      }
    }
    if let taken = services.first(where: { $0.port == smtpPort }) {
      throw SettingError(
        sentence: "--smtp-port \(smtpPort) is the port of the service \(taken.rawValue)")
    }
  }

  /// The kernel's address: as given, else the next one of the network.
  var kernelAddress: IPv4Address? {
    if let peer { return peer }
    guard let address else { return nil }
    let next = IPv4Address(rawValue: address.address.rawValue &+ 1)
    if address.length == 32 || (address.contains(next) && next != address.broadcast) {
      return next
    }
    return IPv4Address(rawValue: address.address.rawValue &- 1)
  }

  /// What Linux takes (IFNAMSIZ is 16, with the zero at the end), but for `%`, which it replaces.
  static func isDevice(_ name: String) -> Bool {
    (1...15).contains(name.utf8.count) && name != "." && name != ".."
      && name.utf8.allSatisfy { $0 > 32 && $0 < 127 && !"/:%".utf8.contains($0) }
  }

  /// Neither the network itself nor its broadcast. Source: RFC 1122, section 3.2.1.3.
  private static func isHost(_ address: IPv4Address, of network: IPv4Prefix) -> Bool {
    guard network.length < 31 else { return true }
    return address != network.broadcast && address.rawValue & ~network.mask != 0
  }

  private static func isHost(_ address: IPv4Address) -> Bool {
    !address.isUnspecified && !address.isMulticast && !address.isLimitedBroadcast
      && !address.isLoopback && !address.isReserved
  }

  /// Letters, digits and hyphens between dots. Source: RFC 1123, section 2.1.
  static func isDomain(_ text: String) -> Bool {
    let labels = text.split(separator: ".", omittingEmptySubsequences: false)
    return text.utf8.count <= 255
      && labels.allSatisfy { label in
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
          && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-") }
      }
  }

  /// A dot-string. Source: RFC 5321, section 4.1.2.
  static func isMailbox(_ text: String) -> Bool {
    let atoms = text.split(separator: ".", omittingEmptySubsequences: false)
    return text.utf8.count <= 64
      && atoms.allSatisfy { atom in
        !atom.isEmpty
          && atom.allSatisfy {
            $0.isASCII && ($0.isLetter || $0.isNumber || "!#$%&'*+-/=?^_`{|}~".contains($0))
          }
      }
  }
}
