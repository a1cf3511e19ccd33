import Octets
import Simulation
import Stack
import TCPCore
import Wire

extension RecordedRun {
  /// Lets the run happen, from its start to its end, in virtual time.
  public func record() -> Recording {
    var recorder = Recorder(self)
    return recorder.play()
  }
}

/// The driver of a run: two hosts on a link, their users, and a notebook.
struct Recorder: ~Copyable {
  static let clientAddress = IPv4Address(192, 0, 2, 1)
  static let serverAddress = IPv4Address(192, 0, 2, 2)

  private let run: RecordedRun
  private var world: World
  private var client: RunUser
  private var server: RunUser
  private var inputs: [RunInput]
  private var recording: Recording
  private var reader = SegmentReader()
  /// Frames that will arrive and have not.
  private var underWay: [Int] = []
  private var doneActions: [RunInput] = []
  /// The client's end of the present connection, and of the last one that the server has had.
  private var local: SocketAddress?
  private var seen: SocketAddress?

  init(_ run: RecordedRun) {
    self.run = run
    var configuration = StackConfiguration()
    configuration.explains = true
    world = World.pair(seed: run.seed, conditions: run.link, configuration: configuration)
    world.recordsFrames = true
    let interventions = run.interventions
    world.intervenes = { interventions[$0.ordinal] }
    client = RunUser(.client, run.clientHabit)
    server = RunUser(.server, run.serverHabit)
    // A stable sort: inputs of one time stay in their order.
    inputs = run.inputs.enumerated()
      .sorted { ($0.element.at, $0.offset) < ($1.element.at, $1.offset) }.map(\.element)
    recording = Recording(run: run)
  }

  mutating func play() -> Recording {
    let place = SocketAddress(Self.serverAddress, Port(run.port))
    var options = ListenOptions()
    options.tcp = run.server
    _ = try? server.listen(at: place, options, on: &world[world.server])
    note()
    let end = Instant.start + run.limit
    while true {
      let next = min(
        world.nextTime ?? .distantFuture, inputs.first.map { .start + $0.at } ?? .distantFuture)
      if next == .distantFuture { break }
      if next > end || recording.frames.count >= RecordedRun.maximumFrames {
        recording.isCutOff = true
        break
      }
      if let input = inputs.first, .start + input.at <= next {
        // Nothing else happens before: time only passes.
        if .start + input.at > world.now { world.run(until: .start + input.at) }
        inputs.removeFirst()
        act(input)
      } else {
        _ = world.step()
        // What the users answer is a step of its own.
        note()
      }
      letUsersAct()
      note()
    }
    recording.mails = server.mails
    recording.received = server.received
    recording.answered = client.received
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
    let first = recording.frames.count
    for frame in world.takeFrames() {
      let sender: RunEnd = frame.sender == world.client ? .client : .server
      recording.frames.append(
        RecordedFrame(
          ordinal: frame.ordinal, sender: sender, sentAt: frame.sentAt - .start,
          arrivesAt: frame.arrivesAt.map { $0 - .start }, fate: frame.fate, octets: frame.octets,
          segment: reader.read(frame.octets, from: sender), reason: frame.explanation))
    }
    let sent = first..<recording.frames.count
    let arrived = underWay.filter { (recording.frames[$0].arrivesAt ?? .zero) <= time }
    underWay.removeAll { (recording.frames[$0].arrivesAt ?? .zero) <= time }
    underWay += sent.filter { recording.frames[$0].arrivesAt != nil }
    let (clientEnd, serverEnd) = snapshots()
    let before = recording.moments.last
    var transitions: [Transition] = []
    for (end, old, new) in [
      (RunEnd.client, before?.client.state, clientEnd.state),
      (.server, before?.server.state, serverEnd.state),
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
    if before != nil && isEmpty { return }
    recording.moments.append(moment)
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
