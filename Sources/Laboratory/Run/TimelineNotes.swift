import Octets
import Simulation
import TCPCore

/// The numbers of a step that plots and lists need.
struct StepNote: Hashable {
  /// The windows of an end, in octets, as plots show them.
  struct Windows: Hashable {
    var congestion: Int32
    /// The slow-start threshold; nil while there is none.
    var threshold: Int32?
    var outstanding: Int32

    /// Nil without a connection that knows its peer.
    init?(_ end: EndSnapshot) {
      guard let info = end.info, end.state.isSynchronized else { return nil }
      congestion = Int32(clamping: info.congestionWindow)
      threshold =
        info.slowStartThreshold < 1 << 31 ? Int32(clamping: info.slowStartThreshold) : nil
      outstanding = Int32(clamping: info.outstanding)
    }
  }

  /// Seconds since the start.
  var time: Double
  /// Packets sent up to this step, those of this step included.
  var sent: Int
  var client: Windows?
  var server: Windows?
  /// Something is lost, sent again or thrown away, or a state changes.
  var isRemarkable: Bool

  init(_ moment: Moment, isRemarkable: Bool) {
    time = moment.time / .seconds(1)
    sent = moment.sent.upperBound
    client = Windows(moment.client)
    server = Windows(moment.server)
    self.isRemarkable =
      isRemarkable || !moment.transitions.isEmpty
      || moment.decisions.contains { $0.rule.effect == .drops }
  }

  subscript(end: RunEnd) -> Windows? { end == .client ? client : server }
}

/// The numbers of a packet that plots need.
struct FrameNote: Hashable {
  var isFromClient: Bool
  var isLost: Bool
  var isRetransmission: Bool
  var count: Int32
  var sequence: Int
  var acknowledgment: Int?
  /// Seconds since the start.
  var sentAt: Double
  /// Seconds since the start; nil if it never arrives.
  var arrivesAt: Double?

  init(_ frame: RecordedFrame) {
    isFromClient = frame.sender == .client
    isLost = !frame.fate.arrives
    isRetransmission = frame.segment.isRetransmission
    count = Int32(clamping: frame.segment.count)
    sequence = frame.segment.sequence
    acknowledgment = frame.segment.acknowledgment
    sentAt = frame.sentAt / .seconds(1)
    arrivesAt = frame.arrivesAt.map { $0 / .seconds(1) }
  }
}

extension Timeline {
  /// The end that sends most of the data: the one to plot.
  var mainSender: RunEnd {
    var balance = 0
    for frame in frames { balance += Int(frame.isFromClient ? frame.count : -frame.count) }
    return balance >= 0 ? .client : .server
  }

  /// The next step, forwards or backwards, in which something is lost, sent again or thrown away, or a
  /// state changes; nil when there is none.
  func remarkable(after step: Int, isForwards: Bool) -> Int? {
    isForwards
      ? steps.indices.dropFirst(step + 1).first { steps[$0].isRemarkable }
      : steps.indices.prefix(step).last { steps[$0].isRemarkable }
  }

  /// The sender's windows over time, up to a step.
  func windowPlot(of end: RunEnd, upTo step: Int) -> CharacterPlot {
    var plot = CharacterPlot(title: "octets: # cwnd - ssthresh . under way", points: [])
    for note in steps.prefix(step + 1) {
      guard let windows = note[end] else { continue }
      if let threshold = windows.threshold {
        plot.points.append(.init(note.time, Double(threshold), "-"))
      }
      plot.points.append(.init(note.time, Double(windows.outstanding), "."))
      plot.points.append(.init(note.time, Double(windows.congestion), "#"))
    }
    plot.holds = true
    return plot
  }

  /// An end's numbers over time, up to a step.
  func sequencePlot(of end: RunEnd, upTo step: Int) -> CharacterPlot {
    guard steps.indices.contains(step) else { return CharacterPlot(title: "", points: []) }
    let time = steps[step].time
    var acknowledged: [CharacterPlot.Point] = []
    var sent: [CharacterPlot.Point] = []
    for frame in frames.prefix(steps[step].sent) {
      if frame.isFromClient == (end == .client) {
        guard frame.count > 0 else { continue }
        let mark: Character = frame.isLost ? "x" : frame.isRetransmission ? "R" : "o"
        sent.append(.init(frame.sentAt, Double(frame.sequence), mark))
      } else if let number = frame.acknowledgment, let arrival = frame.arrivesAt, arrival <= time {
        acknowledged.append(.init(arrival, Double(number), "a"))
      }
    }
    return CharacterPlot(
      title: "\(end.rawValue): o sent R again x lost a acked", points: acknowledged + sent)
  }
}
