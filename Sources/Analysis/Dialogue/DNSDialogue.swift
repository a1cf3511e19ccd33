import Octets
import Wire

/// DNS over TCP: messages behind their lengths. RFC 1035 4.2.2.
struct DNSDialogue: SpokenProtocol {
  private var client: [UInt8] = []
  private var server: [UInt8] = []
  /// A hole was in a side: where its next message begins is not known.
  private var isLost: [DialogueLine.Speaker: Bool] = [:]

  mutating func read(
    _ octets: Span<UInt8>, from speaker: DialogueLine.Speaker, into told: inout Told
  ) {
    guard isLost[speaker] == nil else { return }
    var buffer = speaker == .client ? client : server
    if speaker == .client { client = [] } else { server = [] }
    for index in octets.indices { buffer.append(octets[index]) }
    var place = 0
    while buffer.count &- place >= 2 {
      let length = Int(buffer.span.uint16(at: place))
      guard buffer.count &- place >= 2 &+ length else { break }
      let message = buffer.span.extracting((place &+ 2)..<(place &+ 2 &+ length))
      told.say(speaker, DNSDescription.line(for: message))
      place &+= 2 &+ length
    }
    buffer.removeFirst(place)
    if speaker == .client { client = buffer } else { server = buffer }
  }

  mutating func missing(
    _ count: Int, from speaker: DialogueLine.Speaker, into told: inout Told
  ) {
    isLost[speaker] = true
    if speaker == .client { client = [] } else { server = [] }
    told.lines.append(.hole(count, speaker))
  }
}
