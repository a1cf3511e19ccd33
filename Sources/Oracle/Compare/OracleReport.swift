import Octets
package import Wire

/// A captured connection beside what our stack would have made of it.
package struct OracleReport: Sendable {
  /// The connection.
  package let connection: CapturedConnection
  /// Whose place our stack has taken.
  package let role: EndpointRole
  /// What our stack was set to, in words.
  package let settings: [String]
  /// Nanoseconds from the capture's place to that end and back.
  package let distance: Int64
  /// Everything that either has sent, in order of time.
  package let comparisons: [Comparison]
  /// Frames of the peer that were taken for lost behind the capture's place.
  package let lost: Set<Int>
  /// Octets that our stack was given although no frame brought them.
  package let supplied: Int
  /// Acknowledgments of more than our stack had sent.
  package let clipped: Int
  /// Our stack has sent so much more than the captured end that the rest was not compared.
  package let isCutShort: Bool

  /// Compares.
  ///
  /// - Parameters:
  ///   - tolerance: nanoseconds that the same segment may be apart.
  ///   - everythingArrives: the capture was made at that end, so that nothing in it was lost.
  package init(
    _ connection: CapturedConnection, as role: EndpointRole, tolerance: Int64 = 10_000_000,
    everythingArrives: Bool = false
  ) {
    // What an end asks for again is not known of one that was not captured.
    let arrivals = Arrivals(
      connection, at: role,
      everythingArrives: everythingArrives || connection.isUnseen(role), slack: tolerance)
    var settings = Settings(connection, role: role, distance: arrivals.distance)
    let user = CapturedUser(
      connection, role: role, segmentSize: settings.segmentSize, distance: arrivals.distance)
    if user.wantsNoDelay { settings.setNoDelay() }
    let run = StandIn(
      connection, role: role, settings: settings, user: user, arrivals: arrivals
    ).run()
    self.connection = connection
    self.role = role
    self.settings = settings.words
    distance = arrivals.distance
    lost = Set(arrivals.lost.compactMap { connection.segments[$0].segment.frame })
    supplied = run.supplied
    clipped = run.clipped
    isCutShort = run.isCutShort
    comparisons = Comparer(
      connection, role, run, segmentSize: settings.segmentSize, tolerance: tolerance
    ).comparisons()
  }

  /// Nothing that the end has sent is in the capture: all that our stack would have sent is only ours.
  package var isUnseen: Bool { connection.isUnseen(role) }

  /// The addresses of our stack and of the peer in a connection over IPv6, of which our stack, which
  /// speaks IPv4, sees the TCP layer only.
  package var mapped: (ours: IPv4Address, peer: IPv4Address)? {
    connection.isIPv6 ? (PeerFrame.ours, PeerFrame.peers) : nil
  }

  /// How many comparisons have a mark.
  package func count(_ mark: Mark) -> Int { comparisons.count { $0.mark == mark } }

  /// How many segments differ in an aspect.
  package func count(_ aspect: Aspect) -> Int { comparisons.count { $0.aspects.contains(aspect) } }
}
