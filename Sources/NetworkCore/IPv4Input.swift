import Octets
package import Wire

/// Validates incoming packets, in the order of RFC 1122 section 3.2.1.
package enum IPv4Input {
  /// What a packet is to this host.
  package enum Disposition: Hashable, Sendable {
    /// For an address of ours.
    case unicast
    /// For every host of a network of ours, or of the link.
    case broadcast
    /// Not to be taken.
    case drop(IPRule)
    /// Not to be taken, and the sender is told of the octet, unless it had told everybody.
    case parameterProblem(pointer: UInt8, isBroadcast: Bool)
    /// Its source route leads on from here, which no host does.
    case routeLeadsOn
  }

  /// The rule that a parser's error stands for.
  package static func rule(for error: ParseError) -> IPRule {
    switch error {
    case .truncated, .unsupported: .dropMalformed
    case .version: .dropVersion
    case .headerLength: .dropHeaderLength
    case .totalLength: .dropTotalLength
    }
  }

  /// Judges a packet whose lengths are right.
  ///
  /// - Parameters:
  ///   - addresses: ours, with the networks they are in.
  ///   - takesSourceRoutes: a packet whose source route ends here is taken; else none is that has one.
  package static func judge(
    _ packet: borrowing IPv4PacketView, addresses: [IPv4Prefix], isLoopback: Bool,
    takesSourceRoutes: Bool = false
  ) -> Disposition {
    // 3.2.1.2
    guard packet.headerChecksumIsRight else { return .drop(.dropHeaderChecksum) }
    // 3.2.1.3: a source must be a single host, and no outside packet comes from inside.
    // RFC 9293 3.9.2.3 MUST-63.
    let source = packet.source
    if source.isMulticast || source.isReserved || source.rawValue >> 24 == 0
      || source.isLoopback && !isLoopback
    {
      return .drop(.dropBadSource)
    }
    let destination = packet.destination
    var disposition: Disposition? = destination.isLimitedBroadcast ? .broadcast : nil
    for prefix in addresses {
      if !isLoopback, prefix.address == source { return .drop(.dropBadSource) }
      if prefix.length < 31, prefix.broadcast == source { return .drop(.dropBadSource) }
      if prefix.address == destination { disposition = .unicast }
      if disposition == nil, prefix.broadcast == destination { disposition = .broadcast }
    }
    guard let disposition else { return .drop(.dropNotForUs) }
    // 3.2.1.8; RFC 9293 3.9.2 MUST-50
    guard packet.headerLength > 20 else { return disposition }
    let options = IPv4OptionsSummary(parsing: packet.options)
    if let place = options.malformedAt {
      return .parameterProblem(pointer: UInt8(place), isBroadcast: disposition == .broadcast)
    }
    guard options.hasSourceRoute else { return disposition }
    // RFC 7126 4.3: by default none is taken, for they lead round what protects a network.
    guard takesSourceRoutes, disposition == .unicast else { return .drop(.dropSourceRoute) }
    if let place = options.badSourceRouteAt {
      return .parameterProblem(pointer: UInt8(place), isBroadcast: false)
    }
    // RFC 1122 3.3.5: a host need not forward, and this one does not.
    guard SourceRouteOption(in: packet.options)?.ahead.isEmpty == true else {
      return .routeLeadsOn
    }
    return disposition
  }
}
