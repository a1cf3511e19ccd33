import Octets
import Simulation
import Stack
import TCPCore
import Wire

/// A line of the screen and how it is shown.
public struct ScreenLine: Hashable, Sendable {
  /// How a line is shown.
  public enum Style: Hashable, Sendable {
    /// As it is.
    case plain
    /// Turned round.
    case bar
    /// Weaker.
    case faint
    /// Stronger.
    case strong
    /// Something was lost or thrown away.
    case lost
    /// Something was sent again.
    case again
  }

  /// Its text, without control characters.
  public var text: String
  /// How it is shown.
  public var style: Style

  /// A line from its parts.
  public init(_ text: String, _ style: Style = .plain) {
    self.text = text
    self.style = style
  }
}

extension LaboratoryState {
  /// The least columns that the screen needs.
  public static var minimumWidth: Int { 60 }
  /// The least lines.
  public static var minimumHeight: Int { 16 }

  /// The screen: exactly so many lines, each of exactly so many columns.
  public func screen(width: Int, height: Int) -> [ScreenLine] {
    guard width >= Self.minimumWidth, height >= Self.minimumHeight else {
      let words = "\(Self.minimumWidth) x \(Self.minimumHeight) are needed, q quits"
      return Self.fit([ScreenLine(words)], width, height)
    }
    let panelHeight = panelHeight(height)
    let story = Array(storyLines(width: width).prefix(5))
    // Title, head, and the line at the bottom.
    let ladderHeight = height - 3 - panelHeight - story.count
    var lines = [ScreenLine(titleLine, .bar)]
    lines.append(ScreenLine("  " + LadderLine.head(width: width - 2), .faint))
    lines += Self.fit(ladderLines(width: width, height: ladderHeight), width, ladderHeight)
    lines += story
    lines += Self.fit(panelLines(width: width, height: panelHeight), width, panelHeight)
    let keys = "←→ step  np event  ↑↓ packet  dla change  f fork  oce view  ? help  q quit"
    lines.append(ScreenLine(message.isEmpty ? keys : message, .bar))
    return Self.fit(lines, width, height)
  }

  /// Lines of the panel: what its words need, or half of the screen where more is better.
  private func panelHeight(_ height: Int) -> Int {
    switch panel {
    case .ends: min(max(height * 2 / 5, 7), 10)
    case .help: min(max(height * 2 / 5, 7), Self.helpLines.count)
    case .octets, .plots: max(height / 2, 7)
    }
  }

  /// Cut or filled to a size.
  private static func fit(_ lines: [ScreenLine], _ width: Int, _ height: Int) -> [ScreenLine] {
    let blank = ScreenLine("")
    let rows = max(height, 0)
    let all = lines.prefix(rows) + Array(repeating: blank, count: max(rows - lines.count, 0))
    return all.map { ScreenLine(Columns.pad($0.text, width), $0.style) }
  }

  private var titleLine: String {
    let place = "step \(step) of \(timeline.stepCount - 1)"
    let run = branches.count > 1 ? " · run \(branch + 1) of \(branches.count)" : ""
    let isCut = timeline.isCutOff && step == timeline.stepCount - 1
    let cut = isCut ? " · cut off at \(timeline.frameCount) packets" : ""
    return " postroad lab · \(title)\(run) · \(place) · \(LadderLine.clock(moment.time))\(cut)"
  }

  // MARK: The ladder

  private func ladderLines(width: Int, height: Int) -> [ScreenLine] {
    let count = sentCount
    guard count > 0 else { return [ScreenLine("  nothing was sent yet", .faint)] }
    // The selected packet is in the middle where it can be.
    let middle = selected ?? count - 1
    let first = max(min(middle - height / 2, count - height), 0)
    return (first..<min(first + height, count)).map { place in
      let frame = timeline.frame(place)
      let isHere = moment.sent.contains(place)
      let mark =
        place == selected ? "> " : moment.arrivals.contains(place) ? "* " : isHere ? "+ " : "  "
      let text = mark + LadderLine.text(frame, width: width - 2)
      let isUnderWay = (frame.arrivesAt ?? .zero) > moment.time
      let style: ScreenLine.Style =
        place == selected
        ? .bar
        : !frame.fate.arrives
          ? .lost : frame.segment.isRetransmission ? .again : isUnderWay ? .faint : .plain
      return ScreenLine(text, style)
    }
  }

  // MARK: What happens now

  /// What this step is, which states change, and why the selected packet was sent.
  private func storyLines(width: Int) -> [ScreenLine] {
    var parts: [String] = []
    for input in moment.actions {
      parts.append("the \(input.end.rawValue)'s user \(input.action.description)")
    }
    for place in moment.arrivals {
      let frame = timeline.frame(place)
      parts.append("\(frame.ordinal) arrives at the \(frame.sender.other.rawValue)")
    }
    if !moment.sent.isEmpty {
      let first = moment.sent.lowerBound + 1
      let last = moment.sent.upperBound
      let sender = timeline.frame(moment.sent.lowerBound).sender.rawValue
      parts.append("the \(sender) sends " + (first == last ? "\(first)" : "\(first) to \(last)"))
    }
    if parts.isEmpty { parts.append(step == 0 ? "nothing has happened yet" : "a timer runs out") }
    var lines = [ScreenLine("now: " + parts.joined(separator: ", "), .strong)]
    for change in moment.transitions {
      let cause = moment.decisions.first { decision in
        decision.end == change.end && Self.changesState(decision.rule)
      }
      // What the selected packet's reason says below need not be said twice.
      let isSaidBelow = cause?.rule == frame?.reason
      let why =
        isSaidBelow
        ? "" : cause.map { ": \($0.rule.sentence) (\(Self.whole($0.rule.source)))" } ?? ""
      lines.append(
        ScreenLine(
          "\(change.end.rawValue) \(change.from.rawValue) → \(change.to.rawValue)\(why)", .strong))
    }
    for decision in moment.decisions where decision.rule.effect == .drops {
      let rule = decision.rule
      lines.append(
        ScreenLine(
          "the \(decision.end.rawValue) drops: \(rule.sentence) (\(Self.whole(rule.source)))", .lost
        ))
    }
    if let frame, let reason = frame.reason {
      lines.append(
        ScreenLine("\(frame.ordinal): \(reason.sentence) (\(Self.whole(reason.source)))"))
    }
    return lines.flatMap { line in
      Columns.wrap(line.text, width: width).map {
        ScreenLine($0.replacing("\u{A0}", with: " "), line.style)
      }
    }
  }

  /// A section that is not broken between lines.
  private static func whole(_ source: String) -> String { source.replacing(" ", with: "\u{A0}") }

  private static func changesState(_ rule: RuleExplanation) -> Bool {
    [
      "establish", "peerClosed", "closeAcknowledged", "enterTimeWait", "timeWaitOver",
      "resetReceived", "simultaneousOpen", "acceptHandshake", "giveUp", "sendSYN", "sendFIN",
      "sendFINWithData", "resetAbort",
    ].contains(rule.name)
  }

  // MARK: Panels

  private func panelLines(width: Int, height: Int) -> [ScreenLine] {
    switch panel {
    case .ends: endsLines(width: width)
    case .octets: octetsLines(width: width, height: height)
    case .plots: plotsLines(width: width, height: height)
    case .help: Self.helpLines
    }
  }

  private func endsLines(width: Int) -> [ScreenLine] {
    let half = width / 2
    let left = Self.facts(moment.client)
    let right = Self.facts(moment.server)
    var lines: [ScreenLine] = []
    for row in 0..<max(left.count, right.count) {
      let one = row < left.count ? left[row] : ""
      let other = row < right.count ? right[row] : ""
      lines.append(ScreenLine(Columns.pad(one, half) + other, row == 0 ? .strong : .plain))
    }
    let decided = moment.decisions.filter { $0.rule.effect != .drops }
      .map { "\($0.end.rawValue): \($0.rule.name)" }
    if !decided.isEmpty {
      let text = "decided: " + decided.joined(separator: ", ")
      lines += Columns.wrap(text, width: width).map { ScreenLine($0, .faint) }
    }
    return Array(lines.dropFirst(min(scroll, max(lines.count - 1, 0))))
  }

  /// One end in a column.
  private static func facts(_ end: EndSnapshot) -> [String] {
    guard let info = end.info, let numbers = end.numbers else { return [end.state.rawValue] }
    let una = numbers.initialSend.distance(to: numbers.unacknowledged)
    let next = numbers.initialSend.distance(to: numbers.sendNext)
    let hasPeer = end.state.isSynchronized || end.state == .synReceived
    let received = hasPeer ? "\(numbers.initialReceive.distance(to: numbers.receiveNext))" : "-"
    let threshold = info.slowStartThreshold > 1 << 40 ? "none" : "\(info.slowStartThreshold)"
    func milliseconds(_ time: Duration) -> String { "\(time.wholeNanoseconds / 1_000_000) ms" }
    return [
      end.state.rawValue,
      "SND.UNA \(una)  SND.NXT \(next)",
      "RCV.NXT \(received)",
      "SND.WND \(info.sendWindow)  RCV.WND \(info.receiveWindow)",
      "cwnd \(info.congestionWindow)  ssthresh \(threshold)",
      "under way \(info.outstanding)  MSS \(info.sendMaximumSegmentSize)",
      "SRTT \(info.smoothedRoundTrip.map(milliseconds) ?? "-")  RTO \(milliseconds(info.retransmissionTimeout))",
      "unread \(end.unread)  to be acknowledged \(end.unacknowledged)",
    ]
  }

  private func octetsLines(width: Int, height: Int) -> [ScreenLine] {
    guard let frame else { return [ScreenLine("no packet is selected", .faint)] }
    // What was altered on the way is shown as it arrives.
    var octets = frame.octets
    var isAltered = false
    if case .alter(let others)? = timeline.run.interventions[frame.ordinal] {
      octets = others
      isAltered = true
    }
    // Place, octets, name and section have their columns; what the value needs beyond goes below.
    let valueWidth = max(width - 63, 12)
    let lines = PacketDissection.fields(of: octets).flatMap { field in
      let shown =
        octets[field.offset..<(field.offset + min(field.count, 8))].map {
          let text = String($0, radix: 16)
          return text.count < 2 ? "0" + text : text
        }.joined() + (field.count > 8 ? ".." : "")
      let isChanged =
        isAltered
        && octets[field.offset..<(field.offset + field.count)]
          != frame.octets[field.offset..<min(field.offset + field.count, frame.octets.count)]
      let values = Columns.wrap(field.value, width: valueWidth)
      return values.prefix(6).enumerated().map { row, value in
        let isFirst = row == 0
        return ScreenLine(
          Columns.pad(isFirst ? "\(field.offset)" : "", 4, left: true) + " "
            + Columns.pad(isFirst ? shown : "", 18) + " "
            + Columns.pad(isFirst ? field.name : "", 21) + " "
            + Columns.pad(value, valueWidth) + (isFirst ? "  " + field.source : ""),
          isChanged ? .lost : .plain)
      }
    }
    let first = min(scroll, max(lines.count - height + 1, 0))
    let more = lines.count > height - 1 ? "  (page up and down)" : ""
    let head = "packet \(frame.ordinal): \(octets.count) octets\(more)"
    return [ScreenLine(head, .strong)] + lines.dropFirst(first)
  }

  private func plotsLines(width: Int, height: Int) -> [ScreenLine] {
    let end = timeline.mainSender
    let half = (width - 2) / 2
    var windows = timeline.windowPlot(of: end, upTo: step)
    var sequence = timeline.sequencePlot(of: end, upTo: step)
    // Both over the same time.
    let first = (windows.points + sequence.points).map(\.x).min()
    (windows.begin, sequence.begin) = (first, first)
    (windows.end, sequence.end) = (timeline.steps[step].time, timeline.steps[step].time)
    let left = windows.lines(width: half, height: height)
    let right = sequence.lines(width: half, height: height)
    return zip(left, right).map { ScreenLine(Columns.pad($0, half) + "  " + $1) }
  }

  private static let helpLines = [
    ScreenLine(
      "← →  a step back, a step on     [ ]  20 steps       Home End  beginning, end", .strong),
    ScreenLine("n p  the next, the previous loss, repetition, drop or change of state"),
    ScreenLine("↑ ↓  select another packet      PgUp PgDn  scroll what is below"),
    ScreenLine("d    lose the packet, or no longer    l  100 ms, 300 ms, 1 s late, or no longer"),
    ScreenLine("a    alter it: a bit, window 0, a forged reset, a later number, or no longer"),
    ScreenLine("f    fork: this run stays, a copy goes on       b  the next run"),
    ScreenLine("e    both ends      o  the packet's octets      c  plots"),
    ScreenLine(
      "> selected   * arrives now   + sent now   ✗ lost   ~ held back   ≈ altered", .faint),
    ScreenLine("A change makes the run again from there: the same octets, always.", .faint),
  ]
}
