import Octets

/// Lines of a protocol that is not known.
struct PlainDialogue: SpokenProtocol {
  private var client = LineSplitter()
  private var server = LineSplitter()

  mutating func read(
    _ octets: Span<UInt8>, from speaker: DialogueLine.Speaker, into told: inout Told
  ) {
    var place = 0
    while true {
      let line =
        speaker == .client
        ? client.next(in: octets, from: &place) : server.next(in: octets, from: &place)
      guard let line else { return }
      told.say(speaker, line)
    }
  }

  mutating func missing(
    _ count: Int, from speaker: DialogueLine.Speaker, into told: inout Told
  ) {
    rest(speaker, into: &told)
    told.lines.append(.hole(count, speaker))
  }

  mutating func ended(into told: inout Told) {
    rest(.client, into: &told)
    rest(.server, into: &told)
  }

  private mutating func rest(_ speaker: DialogueLine.Speaker, into told: inout Told) {
    let line = speaker == .client ? client.rest() : server.rest()
    if let line { told.say(speaker, line) }
  }
}
