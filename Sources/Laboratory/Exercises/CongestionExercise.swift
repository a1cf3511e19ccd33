import Octets
import Simulation
import TCPCore
import Wire

/// The window that no packet shows.
struct CongestionExercise: Exercise {
  let name = "congestion"
  let title = "The congestion window on a lossy link"

  let text = """
    The receiver's window protects the receiver. What protects the network is the sender's own
    *congestion window*, cwnd: no packet carries it (RFC 5681). A sender has at most so many octets
    under way. Reno's rules, the ones to learn from:

    - It begins with 10 segments, at most 14,600 octets (RFC 6928).
    - *Slow start*: it grows by what is acknowledged, so it doubles with each round trip, while it is
      below the threshold, ssthresh.
    - *Congestion avoidance*: from there on it grows by one segment a round trip.
    - When a loss is found by what arrives behind it, threshold and window become half of what was
      under way (FlightSize, RFC 5681 section 3.2), but not less than two segments.
    - When the retransmission timer runs out, the window falls to a single segment (section 3.1).

    `samples.txt` has a transfer over Reno with segments of 1,000 octets: what the client's stack knew
    whenever it changed (window, threshold, octets under way). Packet 40 is lost on the way; the samples
    end just before the client finds out. The last two segments went out beyond the window: *limited
    transmit* answers the first two duplicate acknowledgments with new data (RFC 3042). Say what comes
    next.
    """

  let hints = [
    "initial: the first line has it.",
    "threshold: half of what is under way in the last line, in whole octets; a segment more or less "
      + "is forgiven.",
    "timeout: RFC 5681 section 3.1 calls it the loss window.",
    "fastest: which of the three does not take every loss for congestion? 'postroad serve "
      + "--congestion' has their names.",
  ]

  static let run: RecordedRun = {
    var run = LaboratoryScene.transfer(100_000, seed: 3).configured {
      $0.usesTimestamps = false
      $0.maximumSegmentSize = 1000
      $0.congestion = .reno
    }
    run.interventions[40] = .drop
    return run
  }()

  static let recording = run.record()

  /// The step in which the client finds out, and the one before.
  private static let discovery: Int = {
    recording.moments.firstIndex {
      $0.decisions.contains { $0.end == .client && $0.rule.name == "enterRecovery" }
    } ?? 1
  }()

  /// Which controller delivers first on a link that loses 3 % by chance: the sum over seeds.
  static let fastest: (name: String, times: [String: Duration]) = {
    var times: [String: Duration] = [:]
    for algorithm in CongestionAlgorithm.allCases {
      var sum = Duration.zero
      for seed in 1...4 {
        var run = LaboratoryScene.transfer(200_000, seed: UInt64(seed)).configured {
          $0.congestion = algorithm
        }
        run.link.loss = 0.03
        let recording = run.record()
        let end = recording.moments.first { moment in
          guard let numbers = moment.server.numbers else { return false }
          return numbers.initialReceive.distance(to: numbers.receiveNext) > 200_000
        }
        sum += end?.time ?? run.limit
      }
      times[algorithm.rawValue] = sum
    }
    let best = times.min { ($0.value, $0.key) < ($1.value, $1.key) }
    return (best?.key ?? "", times)
  }()

  private var questions: [NumberQuestion] {
    let before = Self.recording.moments[Self.discovery - 1].client
    let after = Self.recording.moments[Self.discovery].client
    let flight = before.info?.outstanding ?? 0
    let window = before.info?.congestionWindow ?? 0
    let threshold = after.info?.slowStartThreshold ?? 0
    return [
      NumberQuestion(
        name: "initial", ask: "The window before any data was acknowledged, in octets.",
        key: 10_000,
        mistakes: [
          14_600: "that is the bound for segments of 1,460 octets; these have 1,000",
          10: "that is in segments; the answer is in octets",
        ],
        otherwise: "ten segments of 1,000 octets", hint: hints[0]),
      NumberQuestion(
        name: "threshold", ask: "The threshold when the loss has been found, in octets.",
        key: threshold, tolerance: 1000,
        mistakes: [
          flight: "that is all that was under way; it is halved",
          window: "the window is halved, not kept",
        ],
        otherwise: "half of what was under way", hint: hints[1]),
      NumberQuestion(
        name: "timeout", ask: "The window after a retransmission time-out, in octets.", key: 1000,
        mistakes: [
          threshold: "that is after a fast retransmission; a time-out is taken more seriously",
          0: "with no window nothing could be sent again",
          1: "that is in segments; the answer is in octets",
        ],
        otherwise: "a single segment", hint: hints[2]),
    ]
  }

  private var controller: WordQuestion {
    let key = Self.fastest.name
    func time(_ name: String) -> String { LadderLine.clock(Self.fastest.times[name] ?? .zero) }
    var mistakes: [String: String] = [:]
    for other in CongestionAlgorithm.allCases.map(\.rawValue) where other != key {
      mistakes[other.uppercased()] =
        "four transfers of 200,000 octets took it \(time(other)), and another needed less"
    }
    return WordQuestion(
      name: "fastest",
      ask: "Which is fastest where 3 % are lost by chance, not by congestion: reno, cubic or bbr?",
      key: key, mistakes: mistakes, otherwise: "it is one of reno, cubic and bbr", hint: hints[3])
  }

  var files: [ExerciseFile] {
    var text = "     time    window  threshold  under way\n"
    var last: [Int] = []
    for moment in Self.recording.moments.prefix(Self.discovery) {
      guard let info = moment.client.info, moment.client.state.isSynchronized else { continue }
      let now = [info.congestionWindow, info.slowStartThreshold, info.outstanding]
      if now == last { continue }
      last = now
      let threshold =
        info.slowStartThreshold == .max ? "none" : "\(info.slowStartThreshold)"
      text +=
        Columns.pad(LadderLine.clock(moment.time), 9, left: true)
        + Columns.pad("\(info.congestionWindow)", 10, left: true)
        + Columns.pad(threshold, 11, left: true)
        + Columns.pad("\(info.outstanding)", 11, left: true) + "\n"
    }
    let asked = questions.map { ($0.name, $0.ask) } + [(controller.name, controller.ask)]
    return [
      ExerciseFile("samples.txt", text), ExerciseFile("answer.txt", AnswerForm.text(asked)),
    ]
  }

  func judge(_ folder: ExerciseFolder) throws -> String {
    let questions = questions
    let sheet = try AnswerSheet(folder, names: questions.map(\.name) + ["fastest"])
    for question in questions { try question.judge(sheet) }
    try controller.judge(sheet)
    return "you foretold what the sender did with its window"
  }
}
