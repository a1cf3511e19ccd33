// Packets as a script would write them, for failures and ladders.
extension SegmentSyntax {
  /// `P. 1:1001(1000) ack 1 win 257 <nop,nop,TS val 7 ecr 3>`.
  var text: String {
    var text = "\(flags.text) "
    text += hasAnySequence ? "...(\(length))" : "\(start):\(end)(\(length))"
    if isAbsolute { text += "!" }
    if let acknowledgment { text += " ack \(acknowledgment)" }
    if let window { text += " win \(window)" }
    if urgentPointer != 0 { text += " urg \(urgentPointer)" }
    if let options {
      if !options.isEmpty { text += " <\(options.map(\.text).joined(separator: ","))>" }
    } else {
      text += " <...>"
    }
    return text
  }
}

extension OptionSyntax {
  /// As a script writes it.
  var text: String {
    switch self {
    case .noOperation: "nop"
    case .endOfList: "eol"
    case .maximumSegmentSize(let size): "mss \(size)"
    case .windowScale(let shift): "wscale \(shift)"
    case .sackPermitted: "sackOK"
    case .sack(let blocks): "sack " + blocks.map { "\($0.left):\($0.right)" }.joined(separator: " ")
    case .timestamps(let value, let echo): "TS val \(value) ecr \(echo)"
    case .md5(let digest): "md5 \(Self.digits(digest))"
    case .validMD5: "md5 valid"
    case .fastOpen(let cookie): cookie.isEmpty ? "FO" : "FO \(Self.digits(cookie))"
    case .fastOpenExperimental(let cookie):
      cookie.isEmpty ? "FOEXP" : "FOEXP \(Self.digits(cookie))"
    case .accurateECN(let order, let counters):
      "ECN "
        + zip(order == 0 ? ["e0b", "ceb", "e1b"] : ["e1b", "ceb", "e0b"], counters)
        .map { "\($0) \($1)" }.joined(separator: " ")
    case .other(let kind, let octets): "kind \(kind) \(Self.digits(octets))"
    case .raw(let octets): "0x\(Self.digits(octets))"
    }
  }

  /// A short name of the kind.
  var kindName: String {
    switch self {
    case .noOperation: "nop"
    case .endOfList: "eol"
    case .maximumSegmentSize: "mss"
    case .windowScale: "wscale"
    case .sackPermitted: "sackOK"
    case .sack: "sack"
    case .timestamps: "TS"
    case .md5, .validMD5: "md5"
    case .fastOpen: "FO"
    case .fastOpenExperimental: "FOEXP"
    case .accurateECN(let order, _): "ECN\(order)"
    case .other(let kind, _): "kind \(kind)"
    case .raw: "octets"
    }
  }

  private static func digits(_ octets: [UInt8]) -> String {
    octets.map { $0 < 16 ? "0" + String($0, radix: 16) : String($0, radix: 16) }.joined()
  }
}

extension NetworkSyntax {
  /// As a script writes it, with a blank behind it; empty when nothing is said.
  var text: String {
    var parts: [String] = []
    switch congestion {
    case .exactly(let bits): parts.append(["noecn", "ect1", "ect0", "ce"][Int(bits & 3)])
    case .eitherCapable: parts.append("ect01")
    case nil: break
    }
    if let serviceType { parts.append("tos 0x" + String(serviceType, radix: 16)) }
    if let ttl { parts.append("ttl \(ttl)") }
    if let flowLabel { parts.append("flowlabel 0x" + String(flowLabel, radix: 16)) }
    return parts.isEmpty ? "" : "[\(parts.joined(separator: ","))] "
  }
}

extension ICMPSyntax {
  /// As a script writes it.
  var text: String {
    var text = "icmp \(name) code_\(code)"
    if let mtu { text += " mtu \(mtu)" }
    if let identifier { text += " id \(identifier)" }
    switch quote {
    case .segment(let start, let length):
      text += " [\(start):\(start &+ UInt32(length))(\(length))]"
    case .datagram(let length): text += " [udp (\(length))]"
    case .raw(let length): text += " [raw (\(length))]"
    case nil: break
    }
    return text
  }
}

extension PacketSyntax {
  /// As a script writes it, without its direction.
  var text: String {
    let outer = encapsulation.map { "\($0.name): " }.joined()
    switch body {
    case .tcp(let segment): return network.text + outer + segment.text
    case .udp(let datagram): return network.text + outer + "udp (\(datagram.length))"
    case .icmp(let message): return network.text + outer + message.text
    }
  }
}
