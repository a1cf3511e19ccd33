import Octets
import Wire
import TCPCore
import Simulation

/// Packets whose loss the learner chooses.
struct LossExercise: Exercise {
  let name = "loss"
  let title = "Retransmission after a loss that you choose"

  let text = """
    A sender learns of a loss in different ways, and each costs another time:

    - **By what arrives behind it.** The receiver answers everything that comes out of order at once,
      with the number it still waits for and, in SACK blocks, what it has (RFC 5681 section 4.2, RFC
      2018). After three such answers, or when the order can no longer explain it (RFC 8985), the
      sender repairs the hole: *fast retransmission*. That costs a round trip.
    - **By a probe.** If nothing comes back for the end of a flight, the sender sends the last segment
      again after about two round trips, to provoke an answer: a *tail loss probe* (RFC 8985 section
      7). With a single segment under way it waits longer, for the receiver may delay its answer.
    - **By the retransmission timer.** What is left needs it (RFC 6298). Before any round trip was
      measured it runs for a whole second.
    - **Not at all.** Acknowledgments are cumulative: the next one says everything that a lost one
      would have said (RFC 9293 section 3.4).

    `ladder.txt` is a transfer of 12,000 octets without any loss. Choose packets by their numbers: we
    run it again and lose the one you named.

    To try first: `postroad lab`, move to a packet, and press `d`.
    """

  let hints = [
    "fast: choose data with enough data behind it in the same flight.",
    "timer: choose the last data of all, when all before it was acknowledged: a single segment.",
    "probe: the last data may arrive, and the sender not know: lose what would have told it.",
    "free: choose an acknowledgment without data that has another one soon behind it.",
    "slowest: at the very beginning no round trip is known yet, so that the timer waits 1 s.",
  ]

  static let run: RecordedRun = {
    var run = LaboratoryScene.transfer(12_000, seed: 5).configured {
      $0.usesTimestamps = false
      $0.maximumSegmentSize = 1000
    }
    run.inputs.removeLast()
    run.inputs.append(RunInput(.seconds(5), .server, .close))
    run.limit = .seconds(4)
    return run
  }()

  static let recording = run.record()

  /// When the server's user had everything.
  private static func delivered(_ recording: Recording) -> Duration {
    let total = 12_000
    let moment = recording.moments.first { moment in
      guard let numbers = moment.server.numbers else { return false }
      return numbers.initialReceive.distance(to: numbers.receiveNext) > total
    }
    return moment?.time ?? run.limit
  }

  private static let names = ["fast", "timer", "probe", "free", "slowest"]

  var files: [ExerciseFile] {
    let lines =
      [LadderLine.head(width: 78)] + Self.recording.frames.map { LadderLine.text($0, width: 78) }
    let asked = [
      (Self.names[0], "A packet whose loss is repaired by fast retransmission."),
      (Self.names[1], "A packet of data whose loss is repaired by the retransmission timer."),
      (Self.names[2], "A packet whose loss is repaired by a tail loss probe alone."),
      (Self.names[3], "A packet whose loss costs nothing: nothing is sent again for it."),
      (Self.names[4], "A packet whose loss delays the last octet most of all."),
    ]
    return [
      ExerciseFile("ladder.txt", lines.joined(separator: "\n") + "\n"),
      ExerciseFile("answer.txt", AnswerForm.text(asked)),
    ]
  }

  /// The run without the packet that was chosen.
  private func lose(_ name: String, _ sheet: AnswerSheet) throws(NotYet) -> (
    Recording, RecordedFrame
  ) {
    let number = try sheet.number(name)
    guard let frame = Self.recording.frames.first(where: { $0.ordinal == number }) else {
      throw NotYet(
        "'\(name)' names packet \(number), and there are only 1 to \(Self.recording.frames.count)",
        hint: "the first column of ladder.txt has the numbers")
    }
    return (Self.run.forked(at: number, .drop).record(), frame)
  }

  /// How a loss was repaired, in words.
  static func repair(_ recording: Recording) -> String {
    if recording.count("retransmitSYN") + recording.count("retransmitSYNACK") > 0 {
      return "the handshake's timer repairs it, after a second"
    }
    if recording.count("retransmissionTimeout") > 0 { return "the retransmission timer repairs it" }
    if recording.count("fastRetransmit") + recording.count("retransmitHole") > 0 {
      return "fast retransmission repairs it"
    }
    if recording.count("lossProbe") > 0 { return "a tail loss probe repairs it" }
    return "nothing is sent again"
  }

  func judge(_ folder: ExerciseFolder) throws -> String {
    let sheet = try AnswerSheet(folder, names: Self.names)
    let wanted = [
      ("fast", "fast retransmission repairs it"), ("timer", "the retransmission timer repairs it"),
      ("probe", "a tail loss probe repairs it"), ("free", "nothing is sent again"),
    ]
    for (place, (name, repair)) in wanted.enumerated() {
      let (recording, frame) = try lose(name, sheet)
      let found = Self.repair(recording)
      guard found == repair else {
        throw NotYet(
          "'\(name)' is not packet \(frame.ordinal): if \(frame.segment.description) is lost, \(found)",
          hint: hints[place])
      }
    }
    let (recording, frame) = try lose("slowest", sheet)
    let time = Self.delivered(recording)
    let worst =
      Self.recording.frames.map {
        Self.delivered(Self.run.forked(at: $0.ordinal, .drop).record())
      }.max() ?? .zero
    guard time == worst else {
      throw NotYet(
        "'slowest' is not packet \(frame.ordinal): without it all is there at "
          + "\(LadderLine.clock(time)), and another loss costs more", hint: hints[4])
    }
    return "you know which losses are cheap: a round trip, a probe, nothing, or a whole second"
  }
}
