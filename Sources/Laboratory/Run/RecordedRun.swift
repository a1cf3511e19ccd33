import Octets
public import Simulation
public import TCPCore

/// One of the two hosts of a run.
public enum RunEnd: String, CaseIterable, Hashable, Sendable {
  /// 192.0.2.1; it opens the connections.
  case client
  /// 192.0.2.2; it listens.
  case server

  /// Who is at the other side.
  public var other: RunEnd { self == .client ? .server : .client }
}

/// Something that a host's user does.
public enum UserAction: Hashable, Sendable {
  /// OPEN, the client's only.
  case open
  /// SEND; what finds no room waits until there is some.
  case send([UInt8])
  /// RECEIVE of so many octets at most; only for users who don't read by themselves.
  case read(Int)
  /// CLOSE of the own direction, after all that was sent.
  case close
  /// ABORT.
  case abort

  /// A few words for people.
  public var description: String {
    switch self {
    case .open: "opens"
    case .send(let octets): "sends \(octets.count) octets"
    case .read(let count): "reads up to \(count) octets"
    case .close: "closes"
    case .abort: "aborts"
    }
  }
}

/// A user's action and its time: an input of a run.
public struct RunInput: Hashable, Sendable {
  /// Since the start of the run.
  public var at: Duration
  /// Whose user.
  public var end: RunEnd
  /// What the user does.
  public var action: UserAction

  /// An input from its parts.
  public init(_ at: Duration, _ end: RunEnd, _ action: UserAction) {
    self.at = at
    self.end = end
    self.action = action
  }
}

/// What a host's user does without being told, as an answer to what comes.
public enum RunHabit: Hashable, Sendable {
  /// Reads everything at once; what else happens is in the inputs.
  case reads
  /// Reads only when an input says so.
  case waits
  /// Speaks SMTP as a server, on every connection.
  case mailServer
  /// Hands over so many mails, over one connection or over one for each.
  case mailClient(mails: Int, isPooled: Bool)
}

/// All that a run depends on: seed, link, settings, the users' inputs, and what was done to packets.
///
/// The same value always gives the same ``Recording``, octet by octet: that is what makes stepping
/// back, and forking a run at any packet, possible.
public struct RecordedRun: Hashable, Sendable {
  /// The largest number of frames of a ``Recording``; the run stops there. A ``Timeline`` goes further.
  public static let maximumFrames = 4000

  /// Where chance begins.
  public var seed: UInt64
  /// What the link does, both ways.
  public var link: LinkConditions
  /// The connections' settings, by end.
  public var client = TCPConfiguration()
  /// The settings of the server's connections.
  public var server = TCPConfiguration()
  /// What the client's user does by itself.
  public var clientHabit = RunHabit.reads
  /// What the server's user does by itself.
  public var serverHabit = RunHabit.reads
  /// What the users do and when; those of one time happen in this order.
  public var inputs: [RunInput]
  /// What is done to packets, by their number.
  public var interventions: [Int: FrameIntervention] = [:]
  /// How long it goes on at most.
  public var limit: Duration = .seconds(300)
  /// The port that the server listens at.
  public var port: UInt16 = 25

  /// A run over a link of 10 Mbit/s and 50 ms each way.
  public init(seed: UInt64 = 1, inputs: [RunInput] = []) {
    self.seed = seed
    self.inputs = inputs
    link = LinkConditions()
    link.delay = .milliseconds(50)
    link.rate = 10_000_000
  }

  /// The same run, but that this happens to one packet; all before it is the same.
  public func forked(at ordinal: Int, _ intervention: FrameIntervention?) -> RecordedRun {
    var other = self
    other.interventions[ordinal] = intervention
    return other
  }

  /// The same run, with settings for both ends.
  public func configured(_ change: (inout TCPConfiguration) -> Void) -> RecordedRun {
    var other = self
    change(&other.client)
    change(&other.server)
    return other
  }
}
