import Analysis
import ArgumentParser
import Foundation
import Frames
import Laboratory
import Octets
import Pictures
import Simulation
import Stack
import Wire

/// `postroad demo`: the way of one mail from the first SYN to the last ACK, drawn and explained.
struct Demo: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Draw one mail's way from the first SYN to the last ACK, and say why each step.",
    discussion: """
      Needs no rights and no devices: two hosts live in this process, on a simulated link of 10 \
      Mbit/s and 20 ms, in virtual time. The same seed draws the same picture. Colours are used \
      on a terminal unless NO_COLOR is set.
      """)

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The part of the frames that the link loses, 0 to 0.5.", valueName: "p"))
  var loss = 0.0

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Where chance begins, from 0 up.", valueName: "n"))
  var seed: UInt64 = 1

  @Option(
    help: ArgumentHelp(
      "What to draw: \(SceneName.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "scene"))
  var scene = SceneName.mail

  @Option(
    help: ArgumentHelp(
      "Write what a listener in the middle hears to this pcapng file, with the reasons as comments.",
      valueName: "file"))
  var pcap: String?

  @Option(
    help: ArgumentHelp(
      "Draw sequence numbers, the true congestion window and time-out, throughput and a ladder into"
        + " this .svg or .html file.",
      valueName: "file"))
  var plot: String?

  @Flag(
    help:
      "Name the rule of each step, and say what each host decides: what it takes, delays, drops.")
  var explain = false

  func validate() throws {
    try PlotFile.check(plot)
    guard (0...0.5).contains(loss) else {
      throw ValidationError("--loss must be from 0 to 0.5, not \(loss)")
    }
  }

  func run() throws {
    var world = DemoWorld(loss: loss, seed: seed)
    var scene = scene.scene
    if let stream = scene as? StreamScene { world.prepare(for: stream) }
    let isComplete: Bool
    do throws(SocketError) {
      isComplete = try world.play(&scene)
    } catch {
      throw complain("\(error)")
    }
    let journey = Journey(
      frames: world.world.takeFrames(), decisions: world.world.takeDecisions(),
      changes: world.changes, client: world.clientHost, stream: scene as? StreamScene)
    if let pcap { try write(journey, to: pcap) }
    if let plot { try draw(journey, states: world.states, to: plot) }
    try draw(journey, outcome: scene.outcome, end: world.now)
    if !isComplete { throw complain("it did not come to its end: the link lost too much") }
  }

  private func draw(_ journey: Journey, outcome: String, end: Instant) throws {
    let renderer = LadderRenderer.forStandardOutput()
    var recorder = JourneyRecorder()
    var lines = ["", renderer.mark(title, .strong), ""]
    lines += renderer.head(
      client: "client \(DemoWorld.clientAddress)", server: "server \(DemoWorld.serverAddress)")
    var last: LadderStep?
    for moment in journey.moments(withDecisions: explain) {
      switch moment {
      case .frame(let frame):
        var step = recorder.step(frame, isFromClient: frame.sender == journey.client)
        if explain, let why = frame.explanation { step.rule = why.name }
        if explain { step.isReasonKnown = false }
        // One after the other for the same reason: they stand together.
        let isAlike = step.isLike(last)
        if isAlike { step.isReasonKnown = true }
        if !isAlike, last != nil { lines.append(renderer.gap) }
        lines += renderer.draw(step)
        last = step
      case .decision(let decision):
        if last != nil { lines.append(renderer.gap) }
        lines += renderer.draw(decision.explanation, byClient: decision.host == journey.client)
        last = nil
      case .change(let change):
        if last != nil { lines.append(renderer.gap) }
        lines.append(renderer.draw(change))
        last = nil
      }
    }
    lines.append(renderer.gap)
    let lost = recorder.lost == 0 ? "none lost" : "\(recorder.lost) lost"
    let again = recorder.retransmissions == 0 ? "" : ", \(recorder.retransmissions) sent again"
    var summary =
      "\(recorder.frames) packets of \(recorder.octets) octets (\(lost)\(again)) in"
      + " \(LadderLine.clock(end - .start)) of virtual time; \(outcome)."
    if self.scene == .mail {
      summary +=
        " Who closed first stays in TIME-WAIT for a while, so that a lost last ACK can be repeated."
    }
    lines += ["", renderer.mark("In all", .strong)]
    lines += LadderRenderer.wrap(summary, width: renderer.width - 4).map { "  " + $0 }
    lines += ["", renderer.mark("Where to go next", .strong)]
    lines += next.map { "  \($0)" } + [""]
    try put(lines)
  }

  private var title: String {
    loss == 0
      ? scene.title : "\(scene.title), on a link that loses \(Int(loss * 100)) % of it"
  }

  private var next: [String] {
    [
      loss == 0
        ? "postroad demo --loss 0.15 --seed 3      the same on a bad link"
        : "postroad demo --loss \(loss) --seed \(seed &+ 1)      other bad luck",
      "postroad replay captures/mail.pcapng --explain",
      "                                        read captures the same way",
      "tools/run                               telnet into the real thing",
    ]
  }

  /// The pictures of the connection that carries most.
  private func draw(_ journey: Journey, states: [Flow.State], to path: String) throws {
    var collector = FlowCollector()
    var analyzer = CaptureAnalyzer()
    for (number, (frame, time)) in journey.heard.enumerated() {
      let finding = analyzer.frameArrived(
        frame.octets.span, wireLength: frame.octets.count, link: .rawIP, number: number + 1,
        time: time.nanoseconds)
      guard let finding else { continue }
      collector.add(
        finding, at: Double(time.nanoseconds) / 1e9,
        reason: frame.explanation.map { "\($0.name) (\($0.source))" }, isLost: !frame.fate.arrives)
    }
    guard var flow = collector.busiest else {
      throw complain("there is no TCP connection to draw in this scene")
    }
    flow.states = states
    try PlotFile.write(flow, title: title, to: path)
  }

  /// What somebody in the middle of the link would have captured: lost frames are lost behind.
  private func write(_ journey: Journey, to path: String) throws {
    do throws(CaptureError) {
      var writer = try PcapngWriter(path: path)
      let interface = writer.addInterface(name: "demo", link: .rawIP)
      for (frame, time) in journey.heard {
        // A fixed date, so that the same seed writes the same file.
        writer.write(
          frame.octets.span, interface: interface,
          time: 1_767_225_600_000_000_000 &+ time.nanoseconds,
          comment: journey.comment(on: frame))
      }
      try writer.flush()
    } catch {
      throw complain("\(error)")
    }
  }
}
