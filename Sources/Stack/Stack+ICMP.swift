import NetworkCore
import Octets
import TCPCore
import Wire

// ICMP: echo, errors sent, errors received. Source: RFC 792; RFC 1122 section 3.2.2.
extension Stack {
  mutating func icmpArrived(
    _ packet: borrowing IPv4PacketView, _ payload: Span<UInt8>, isBroadcast: Bool, at now: Instant
  ) {
    guard let message = try? ICMPv4MessageView(parsing: payload) else {
      return counters.icmp.note(.dropMalformed)
    }
    guard message.checksumIsRight else { return counters.icmp.note(.dropChecksum) }
    let kind = message.kind
    switch kind {
    case .echo(let identifier, let sequence):
      // RFC 1122 3.2.2.6: to a group it may be ignored, and is: smurf amplifies.
      guard !isBroadcast else { return counters.icmp.note(.dropEchoToGroup) }
      counters.icmp.note(.answerEcho)
      let echoed = message.payload
      let reply = [UInt8](capacity: ICMPv4Header.length + echoed.count) { output in
        ICMPv4Header(.echoReply(identifier: identifier, sequence: sequence))
          .emit(into: &output, payload: echoed)
        output.append(copying: echoed)
      }
      send(
        reply, transport: .icmp, from: packet.destination, to: packet.source,
        // RFC 1122 3.2.2.6: a source route is taken back.
        along: returnWay(for: packet), at: now, because: explain(ICMPRule.answerEcho))
    case .unreachable, .timeExceeded, .parameterProblem:
      guard let quoted = try? IPv4PacketView(quoted: message.payload) else {
        return counters.icmp.note(.dropMalformed)
      }
      // An error goes to the one host whose datagram it quotes.
      guard !isBroadcast, quoted.source == packet.destination else {
        return counters.icmp.note(.dropUnmatched)
      }
      errorQuotes(quoted, kind, at: now)
    case .redirect:
      // Deviates from RFC 1122 3.2.2.2: nothing proves that a redirect is our router's, and who is
      // believed leads all our packets to himself. A host with one router has nothing to learn from it.
      counters.icmp.note(.dropRedirect)
    case .echoReply, .sourceQuench, .other:
      // RFC 9293 3.9.2.2 MUST-55 for source quench.
      counters.icmp.note(.dropIgnored)
    }
  }

  /// An error about a datagram of ours goes to the socket that sent it.
  mutating func errorQuotes(
    _ quoted: borrowing IPv4PacketView, _ kind: ICMPv4Kind, at now: Instant
  ) {
    let payload = quoted.payload
    guard quoted.fragmentOffset == 0, payload.count >= 8 else {
      return counters.icmp.note(.dropUnmatched)
    }
    let local = SocketAddress(quoted.source, Port(payload.uint16(at: 0)))
    let remote = SocketAddress(destination(of: quoted), Port(payload.uint16(at: 2)))
    switch quoted.transport {
    case .tcp:
      let ends = TCPEndpoints(local: local, remote: remote)
      guard let handle = table.find(ends), let slot = unsafe connections.pointer(to: handle) else {
        return counters.icmp.note(.dropUnmatched)
      }
      let sequence = SequenceNumber(payload.uint32(at: 4))
      // RFC 9293 3.9.2.2 MUST-54; RFC 5927 section 4.1, before anything is remembered: a stranger
      // must guess a number.
      guard unsafe slot.pointee.connection.hasOutstanding(sequence) else {
        return counters.tcp.note(.badICMP)
      }
      counters.icmp.note(.deliverError)
      guard let error = pathError(kind, quoted, at: now) else { return }
      unsafe slot.pointee.connection.pathError(
        error, quoting: sequence, at: now, ledger: &counters.tcp)
      touch(handle, at: now)
    case .udp:
      guard let handle = udpSocket(for: remote, at: local),
        udpSockets.withElement(handle, { $0.state.errorArrived(kind, about: remote) }) == true
      else { return counters.icmp.note(.dropUnmatched) }
      counters.icmp.note(.deliverError)
      announceUDP(handle)
    default: counters.icmp.note(.dropUnmatched)
    }
  }

  private mutating func pathError(
    _ kind: ICMPv4Kind, _ quoted: borrowing IPv4PacketView, at now: Instant
  ) -> TCPPathError? {
    switch kind {
    case .unreachable(4, let mtu):
      let believed = pathMTUs.tooBig(
        to: destination(of: quoted), length: quoted.totalLength, mtu: Int(mtu), at: now)
      counters.ip.note(.pathMTUStored, Int64(believed))
      return .fragmentationNeeded(mtu: believed)
    case .unreachable(let code, _): return .unreachable(code: code)
    case .timeExceeded: return .timeExceeded
    case .parameterProblem: return .parameterProblem
    case .echo, .echoReply, .sourceQuench, .redirect, .other: return nil
    }
  }

  /// Tells the sender of a packet why it was not taken, if that is allowed.
  mutating func refuse(
    _ packet: borrowing IPv4PacketView, _ kind: ICMPv4Kind, isBroadcast: Bool, at now: Instant
  ) {
    if let refusal = errorPolicy.refusal(about: packet, isBroadcast: isBroadcast, at: now) {
      return counters.icmp.note(refusal)
    }
    counters.icmp.note(.sendError)
    let length = min(packet.octets.count, ICMPErrorPolicy.quoteLength)
    let quote = packet.octets.extracting(first: length)
    let message = [UInt8](capacity: ICMPv4Header.length + length) { output in
      ICMPv4Header(kind).emit(into: &output, payload: quote)
      output.append(copying: quote)
    }
    send(
      message, transport: .icmp, from: packet.destination, to: packet.source, at: now,
      because: explain(ICMPRule.sendError))
  }

  /// As ``refuse(_:_:isBroadcast:at:)``, for a packet of which only a quote is left.
  mutating func sendError(_ kind: ICMPv4Kind, quoting octets: [UInt8], at now: Instant) {
    guard let packet = try? IPv4PacketView(quoted: octets.span) else { return }
    refuse(packet, kind, isBroadcast: isBroadcast(packet.destination), at: now)
  }
}
