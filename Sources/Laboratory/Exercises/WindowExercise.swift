import Octets
import Wire
import Simulation

/// A reader that takes its time.
struct WindowExercise: Exercise {
  let name = "window"
  let title = "Flow control with a slow reader"

  let text = """
    A receiver can only take what its buffer has room for. With every acknowledgment it says how many
    octets behind that number it would take: the *window* (RFC 9293 section 3.8.6). When the user does
    not read, the window shrinks, down to 0: then the sender must wait.

    It must not wait for ever: the segment that opens the window again may be lost, and nobody
    acknowledges acknowledgments. So the sender *probes* with one octet now and then (RFC 9293 section
    3.8.6.1), and the receiver answers with where it is. And so that nobody sends dust, a receiver
    opens the window only by a piece that is worth it (section 3.8.6.2, silly window syndrome).

    `ladder.txt` shows 12,000 octets on their way to a server with a buffer of 4,096 octets, whose user
    sleeps for 2 s and then reads 1,000 octets every half second. The last column is the window that
    the packet's sender offers.
    """

  let hints = [
    "closed: the first packet from the server with window 0.",
    "unread: all the octets that fit, for nobody has read any.",
    "probe: the first packet of one octet that the client sends into the closed window.",
    "opened: the first packet of the server with an old acknowledgment number and a window again.",
    "buffer: how much comes before the user wakes, and how fast does it read? Try powers of 2.",
  ]

  static let recording = LaboratoryScene.slow.run().record()

  /// Whether the window closes with a buffer of so many octets.
  static func closes(buffer: Int) -> Bool {
    LaboratoryScene.slowReader(buffer: buffer).record().frames.contains {
      $0.sender == .server && $0.segment.window == 0 && !$0.segment.flags.contains(.rst)
    }
  }

  private var questions: [NumberQuestion] {
    let frames = Self.recording.frames
    let zero = frames.first { $0.sender == .server && $0.segment.window == 0 }
    let probe = frames.first { $0.reason?.name == "zeroWindowProbe" }
    let update = frames.first { $0.reason?.name == "windowUpdate" }
    let answer = frames.first { $0.reason?.name == "answerProbe" }
    let unread =
      Self.recording.moments.first { $0.sent.contains((zero?.ordinal ?? 0) - 1) }?.server.unread
      ?? 0
    let small = frames.first {
      $0.sender == .server && $0.segment.window < 1000 && $0.segment.window > 0
    }
    return [
      NumberQuestion(
        name: "closed", ask: "The packet that first says that the window is closed.",
        key: zero?.ordinal ?? 0,
        mistakes: [small?.ordinal ?? -1: "there the window is small, but not yet 0"],
        otherwise: "look for window 0 in the last column, from the server", hint: hints[0]),
      NumberQuestion(
        name: "unread", ask: "How many octets wait unread at the server then?", key: unread,
        mistakes: [
          unread - 96: "four full segments came first, and then what was left of the window, too"
        ],
        otherwise: "nobody has read, so that it is all that was acknowledged", hint: hints[1]),
      NumberQuestion(
        name: "probe", ask: "The first packet that probes the closed window.",
        key: probe?.ordinal ?? 0,
        mistakes: [answer?.ordinal ?? -1: "that is the answer to the probe"],
        otherwise: "a probe comes from the client, with one octet that does not fit", hint: hints[2]
      ),
      NumberQuestion(
        name: "opened", ask: "The packet that first opens the window again.",
        key: update?.ordinal ?? 0,
        mistakes: [answer?.ordinal ?? -1: "it answers the probe, but the window is still 0"],
        otherwise: "it comes from the server after its user has read", hint: hints[3]),
    ]
  }

  var files: [ExerciseFile] {
    let lines = Self.recording.frames.map {
      LadderLine.text($0, width: 70) + Columns.pad("\($0.segment.window)", 7, left: true)
    }
    let asked =
      questions.map { ($0.name, $0.ask) } + [
        (
          "buffer",
          "The smallest buffer, a power of 2, with which the window never closes for this reader."
        )
      ]
    return [
      ExerciseFile(
        "ladder.txt",
        LadderLine.head(width: 70) + "  window\n" + lines.joined(separator: "\n") + "\n"),
      ExerciseFile("answer.txt", AnswerForm.text(asked)),
    ]
  }

  func judge(_ folder: ExerciseFolder) throws -> String {
    let questions = questions
    let sheet = try AnswerSheet(folder, names: questions.map(\.name) + ["buffer"])
    for question in questions { try question.judge(sheet) }
    let buffer = try sheet.number("buffer")
    guard buffer >= 2048, buffer <= 1 << 16, buffer.nonzeroBitCount == 1 else {
      throw NotYet(
        "'buffer' must be a power of 2 from 2048 to 65536, not \(buffer)", hint: hints[4])
    }
    if Self.closes(buffer: buffer) {
      throw NotYet("with a buffer of \(buffer) octets the window still closes", hint: hints[4])
    }
    if Self.closes(buffer: buffer / 2) {
      return "the window is the receiver's brake, and you can read it"
    }
    throw NotYet("half of \(buffer) octets would do as well", hint: hints[4])
  }
}
