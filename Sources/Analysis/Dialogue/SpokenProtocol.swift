/// What is spoken on a connection: octets of both sides in, lines and mails out.
protocol SpokenProtocol: Sendable {
  /// Octets of one side, in order.
  mutating func read(
    _ octets: Span<UInt8>, from speaker: DialogueLine.Speaker, into told: inout Told)
  /// Octets of one side are not in the capture.
  mutating func missing(_ count: Int, from speaker: DialogueLine.Speaker, into told: inout Told)
  /// Octets of one side were acknowledged, and are not in the capture so far.
  mutating func unseen(_ count: Int, from speaker: DialogueLine.Speaker)
  /// Octets that wait for what tells their meaning.
  var waitingOctets: Int { get }
  /// There is no room for them any more.
  mutating func waitNoLonger(into told: inout Told)
  /// Nothing more will come.
  mutating func ended(into told: inout Told)
}

extension SpokenProtocol {
  mutating func unseen(_ count: Int, from speaker: DialogueLine.Speaker) {}
  var waitingOctets: Int { 0 }
  mutating func waitNoLonger(into told: inout Told) {}
  mutating func ended(into told: inout Told) {}
}
