import Octets
import Simulation
import Stack
import TCPCore
import Wire

extension RecordedRun {
  /// Lets the run happen, from its start to its end, in virtual time.
  public func record() -> Recording {
    var recorder = Recorder(self, maximumFrames: Self.maximumFrames)
    while recorder.advance() {}
    return recorder.finish()
  }
}

/// The driver of a run: two hosts on a link, their users, and a notebook.
///
/// It can be copied between two calls of ``advance()``, and the copy goes on alike.
struct Recorder: ~Copyable {
  static let clientAddress = IPv4Address(192, 0, 2, 1)
  static let serverAddress = IPv4Address(192, 0, 2, 2)

  private let run: RecordedRun
  private let maximumFrames: Int
  private var world: World
  private var client: RunUser
  private var server: RunUser
  private let inputs: [RunInput]
  private var nextInput = 0
  private var reader = SegmentReader()
  /// Frames that will arrive and have not: their places, and when.
  private var underWay: [(place: Int, at: Duration)] = []
  private var doneActions: [RunInput] = []
  /// The client's end of the present connection, and of the last one that the server has had.
  private var local: SocketAddress?
  private var seen: SocketAddress?
  private var states: (client: TCPState, server: TCPState)?
  /// Frames so far.
  private(set) var frameCount = 0
  /// The run stopped at a bound, not at its end.
  private(set) var isCutOff = false
  /// What was written down since the last ``takeNotes()``.
  private var moments: [Moment] = []
  private var frames: [RecordedFrame] = []

  /// A run at its beginning.
  ///
  /// - Parameter keepsStreams: the octets that the users read are kept, for ``finish()``.
  init(_ run: RecordedRun, maximumFrames: Int, keepsStreams: Bool = true) {
    self.run = run
    self.maximumFrames = maximumFrames
    var configuration = StackConfiguration()
    configuration.explains = true
    world = World.pair(seed: run.seed, conditions: run.link, configuration: configuration)
    world.recordsFrames = true
    client = RunUser(.client, run.clientHabit, keepsReceived: keepsStreams)
    server = RunUser(.server, run.serverHabit, keepsReceived: keepsStreams)
    // A stable sort: inputs of one time stay in their order.
    inputs = run.inputs.enumerated()
      .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    intervene()
    let place = SocketAddress(Self.serverAddress, Port(run.port))
    var options = ListenOptions()
    options.tcp = run.server
    _ = try? server.listen(at: place, options, on: &world[world.server])
    note()
  }

  /// Another recorder at the same place, whose run may do other things to packets from here on.
  init(copying other: borrowing Recorder, for run: RecordedRun) {
    self.run = run
    maximumFrames = other.maximumFrames
    world = other.world.copy()
    client = other.client
    server = other.server
    inputs = other.inputs
    nextInput = other.nextInput
    reader = other.reader
    underWay = other.underWay
    doneActions = other.doneActions
    local = other.local
    seen = other.seen
    states = other.states
    frameCount = other.frameCount
    isCutOff = other.isCutOff
    moments = other.moments
    frames = other.frames
    intervene()
  }

  private mutating func intervene() {
    let interventions = run.interventions
    world.intervenes = { interventions[$0.ordinal] }
  }

  /// The next thing happens; false when nothing is left to happen, or a bound is reached.
  mutating func advance() -> Bool {
    let input = nextInput < inputs.count ? inputs[nextInput] : nil
    let next = min(world.nextTime ?? .distantFuture, input.map { .start + $0.at } ?? .distantFuture)
    if next == .distantFuture || isCutOff { return false }
    if next > Instant.start + run.limit || frameCount >= maximumFrames {
      isCutOff = true
      return false
    }
    if let input, .start + input.at <= next {
      // Nothing else happens before: time only passes.
      if .start + input.at > world.now { world.run(until: .start + input.at) }
      nextInput += 1
      act(input)
    } else {
      _ = world.step()
      // What the users answer is a step of its own.
      note()
    }
    letUsersAct()
    note()
    return true
  }

  /// What was written down since the last call.
  mutating func takeNotes() -> (moments: [Moment], frames: [RecordedFrame]) {
    defer { (moments, frames) = ([], []) }
    return (moments, frames)
  }

  /// The whole run, if nothing was taken of it.
  mutating func finish() -> Recording {
    var recording = Recording(run: run)
    (recording.moments, recording.frames) = takeNotes()
    recording.mails = server.mails
    recording.received = server.received
    recording.answered = client.received
    recording.isCutOff = isCutOff
    return recording
  }

  private mutating func act(_ input: RunInput) {
    doneActions.append(input)
    let now = world.now
    if input.end == .client {
      if input.action == .open {
        client.connect(
          to: SocketAddress(Self.serverAddress, Port(run.port)), run.client,
          on: &world[world.client], at: now)
      } else {
        client.act(input.action, on: &world[world.client], at: now)
      }
    } else {
      server.act(input.action, on: &world[world.server], at: now)
    }
  }

  private mutating func letUsersAct() {
    // A user's answer may let the other act in the same moment only through the link, so that one
    // round is enough; flush puts on the link what both have said.
    world.flush()
    let now = world.now
    _ = server.react(on: &world[world.server], at: now)
    if client.react(on: &world[world.client], at: now) {
      client.connect(
        to: SocketAddress(Self.serverAddress, Port(run.port)), run.client,
        on: &world[world.client], at: now)
    }
    world.flush()
  }

  /// Writes down what has changed since the last note.
  private mutating func note() {
    let time = world.now - .start
    let first = frameCount
    for frame in world.takeFrames() {
      let sender: RunEnd = frame.sender == world.client ? .client : .server
      frames.append(
        RecordedFrame(
          ordinal: frame.ordinal, sender: sender, sentAt: frame.sentAt - .start,
          arrivesAt: frame.arrivesAt.map { $0 - .start }, fate: frame.fate, octets: frame.octets,
          segment: reader.read(frame.octets, from: sender), reason: frame.explanation))
      if let at = frame.arrivesAt { underWay.append((frameCount, at - .start)) }
      frameCount += 1
    }
    let sent = first..<frameCount
    let arrived = underWay.filter { $0.at <= time && $0.place < first }.map(\.place)
    underWay.removeAll { $0.at <= time && $0.place < first }
    let (clientEnd, serverEnd) = snapshots()
    var transitions: [Transition] = []
    for (end, old, new) in [
      (RunEnd.client, states?.client, clientEnd.state), (.server, states?.server, serverEnd.state),
    ] {
      if let old, old != new { transitions.append(Transition(end: end, from: old, to: new)) }
    }
    var decisions = world[world.client].takeExplanations().map { Decision(end: .client, rule: $0) }
    decisions += world[world.server].takeExplanations().map { Decision(end: .server, rule: $0) }
    let moment = Moment(
      time: time, arrivals: arrived, sent: sent, actions: doneActions, decisions: decisions,
      transitions: transitions, client: clientEnd, server: serverEnd)
    doneActions = []
    let isEmpty =
      arrived.isEmpty && sent.isEmpty && moment.actions.isEmpty && decisions.isEmpty
      && transitions.isEmpty
    if states != nil && isEmpty { return }
    states = (clientEnd.state, serverEnd.state)
    moments.append(moment)
  }

  private mutating func snapshots() -> (EndSnapshot, EndSnapshot) {
    let ofClient = world[world.client].connectionSummaries
    let ofServer = world[world.server].connectionSummaries
    var one = EndSnapshot(state: .closed)
    if let current = ofClient.first(where: { $0.socket == client.current }) {
      one = EndSnapshot(current)
      local = current.endpoints.local
    }
    if let local, let other = ofServer.first(where: { $0.endpoints.remote == local }) {
      seen = local
      return (one, EndSnapshot(other))
    }
    return (one, EndSnapshot(state: seen != nil && seen == local ? .closed : .listen))
  }
}

extension EndSnapshot {
  init(_ summary: ConnectionSummary) {
    self.init(
      state: summary.info.state, info: summary.info, numbers: summary.numbers,
      unacknowledged: summary.unacknowledgedOctets, unread: summary.unreadOctets)
  }
}
