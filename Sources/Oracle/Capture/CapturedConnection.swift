package import Analysis
import Wire

/// One connection of a capture.
package struct CapturedConnection: Sendable {
  /// Its number, from 0.
  package let stream: Int
  /// Connections in the capture.
  package let streams: Int
  /// Who opened it.
  package let client: CapturedEnd
  /// Who was asked.
  package let server: CapturedEnd
  /// Its segments, in the order of the capture.
  package let segments: [CapturedSegment]
  /// What routers said of them.
  let errors: [CapturedError]
  /// The initial sequence numbers, as far as there were SYNs, or acknowledgments of them.
  let initial: [EndpointRole: UInt32]
  /// Frames of it that lie in fragments or tunnels, or were cut off in their header, and are left out.
  package let leftOut: Int
  /// It has more segments than are compared.
  package let isTooLong: Bool

  /// Whether it is over IPv6, of which our stack sees the TCP layer only.
  package var isIPv6: Bool { !client.isIPv4 }

  /// Nothing of what an end has sent was captured; that it spoke, its peer's acknowledgments tell.
  package func isUnseen(_ role: EndpointRole) -> Bool {
    initial[role] != nil && !segments.contains { $0.sender == role }
  }

  /// The highest number of an end that its peer has acknowledged.
  func acknowledged(of role: EndpointRole) -> Int {
    peers(of: role).filter { !$0.flags.contains(.rst) }.compactMap(\.acknowledgment).max() ?? 0
  }

  /// The number behind the last that an end has sent.
  var highest: [EndpointRole: Int] {
    var highest: [EndpointRole: Int] = [:]
    for captured in segments {
      highest[captured.sender] = max(highest[captured.sender] ?? 0, captured.end)
    }
    return highest
  }

  /// The number of an end's FIN.
  var finish: [EndpointRole: Int] {
    var finish: [EndpointRole: Int] = [:]
    for captured in segments where captured.segment.flags.contains(.fin) {
      finish[captured.sender] = finish[captured.sender] ?? captured.end &- 1
    }
    return finish
  }

  /// The first SYN of an end.
  func syn(of role: EndpointRole) -> CapturedSegment? {
    segments.first { $0.sender == role && $0.segment.flags.contains(.syn) }
  }
}

extension CapturedConnection {
  /// What routers told an end, in the order of the capture.
  package func errors(for role: EndpointRole) -> [CapturedError] {
    errors.filter { $0.source == (role == .client ? client : server) }
  }

  /// What the peer of an end has sent, in the order of the capture.
  package func peers(of role: EndpointRole) -> [Segment] {
    segments.filter { $0.sender != role }.map(\.segment)
  }
}
