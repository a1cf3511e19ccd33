import Analysis
import Wire

// The time-sequence graph, in the manner of tcptrace.
extension Flow {
  /// A kind of segment that gets a letter.
  private struct Lettered {
    let letter: String
    let name: String
    let colour: String
    var isBelow = false
    var places: [Panel.Point]
  }

  /// What one side sends as bars, what the other acknowledges and offers as lines, and a letter for what
  /// is remarkable.
  func timeSequence() -> Panel {
    let sender = sender
    var top = 1
    for segment in segments where segment.side == sender { top = max(top, segment.end) }
    var acknowledged: [Panel.Point] = []
    var offered: [Panel.Point] = []
    var blocks: [(time: Double, from: Double, to: Double)] = []
    var repeated: [Panel.Point] = []
    for segment in segments where segment.side != sender {
      guard let number = segment.acknowledgment, !segment.isLost else { continue }
      acknowledged.append((segment.time, Double(number)))
      if segment.verdict.contains(.duplicateACK) { repeated.append((segment.time, Double(number))) }
      if !segment.control.contains(.rst) {
        offered.append((segment.time, Double(number) + Double(segment.window)))
      }
      for block in segment.blocks {
        blocks.append((segment.time, Double(block.lowerBound), Double(block.upperBound)))
      }
    }
    // A window far above all data would press the data to the ground.
    let near = offered.filter { $0.value <= Double(top) * 1.25 }
    let sent = segments.filter { $0.side == sender && $0.end > $0.sequence }
    func bars(_ segments: [Segment]) -> [(time: Double, from: Double, to: Double)] {
      segments.map { ($0.time, Double($0.sequence), Double($0.end)) }
    }
    let overtaken = sent.filter { $0.verdict.contains(.outOfOrder) && !$0.isCopy }
    let again = sent.filter(\.isCopy)
    let fresh = sent.filter { !$0.isCopy && !$0.verdict.contains(.outOfOrder) }
    let lost = sent.filter(\.isLost)
    let lettered = lettered(sender)
    var legend = [
      Panel.Key("segment", Colour.data), Panel.Key("acknowledged", Colour.acknowledgment),
    ]
    if !near.isEmpty { legend.append(Panel.Key("window's edge", Colour.window)) }
    if !again.isEmpty { legend.append(Panel.Key("sent again", Colour.again)) }
    if !blocks.isEmpty { legend.append(Panel.Key("SACK block", Colour.block)) }
    if !lost.isEmpty { legend.append(Panel.Key("lost", Colour.again, letter: "×")) }
    if !repeated.isEmpty {
      legend.append(Panel.Key("duplicate ACK", Colour.acknowledgment, letter: "-"))
    }
    // SYN, FIN and RST say themselves what they are.
    legend += lettered.filter { !$0.name.isEmpty }
      .map { Panel.Key($0.name, $0.colour, letter: $0.letter) }
    var panel = Panel(
      "Sequence numbers from \(name(sender))", height: 460, times: times,
      values: 0...max(Double(top) * 1.05, near.map(\.value).max() ?? 0),
      "sequence number (octets)", .octets, legend: legend)
    if !near.isEmpty { panel.steps(offered, Colour.window) }
    panel.steps(acknowledged, Colour.acknowledgment)
    panel.strokes(repeated, Colour.acknowledgment)
    panel.bars(blocks, Colour.block, width: 2.4)
    panel.bars(bars(fresh), Colour.data)
    panel.bars(bars(overtaken), Colour.overtaken, width: 2.2)
    panel.bars(bars(again), Colour.again, width: 2.2)
    panel.crosses(lost.map { ($0.time, Double($0.end)) }, Colour.again)
    for kind in lettered {
      panel.letters(kind.letter, kind.places, kind.colour, isBelow: kind.isBelow)
    }
    return panel
  }

  /// The kinds of which there is something, each with its places.
  private func lettered(_ sender: Side) -> [Lettered] {
    func sent(_ holds: (Segment) -> Bool) -> [Panel.Point] {
      segments.filter { $0.side == sender && holds($0) }.map { ($0.time, Double($0.end)) }
    }
    func answered(_ holds: (Segment) -> Bool) -> [Panel.Point] {
      segments.compactMap { segment in
        guard segment.side != sender, !segment.isLost, holds(segment) else { return nil }
        return (segment.time, Double(segment.acknowledgment ?? 0))
      }
    }
    let isProbe: AnalysisFlags = [.zeroWindowProbe, .keepAlive]
    let kinds = [
      Lettered(
        letter: "R", name: "retransmission", colour: Colour.again,
        places: sent {
          $0.verdict.contains(.retransmission) || $0.isCopy && $0.verdict.isDisjoint(with: isProbe)
        }),
      Lettered(
        letter: "O", name: "out of order", colour: Colour.overtaken,
        places: sent { $0.verdict.contains(.outOfOrder) && !$0.isCopy }),
      Lettered(
        letter: "P", name: "window probe", colour: Colour.data,
        places: sent { $0.verdict.contains(.zeroWindowProbe) }),
      Lettered(
        letter: "K", name: "keep-alive", colour: Colour.data,
        places: sent { $0.verdict.contains(.keepAlive) }),
      Lettered(
        letter: "3", name: "third duplicate ACK", colour: Colour.acknowledgment, isBelow: true,
        places: thirdDuplicates(sender)),
      Lettered(
        letter: "Z", name: "zero window", colour: Colour.window, isBelow: true,
        places: answered { $0.verdict.contains(.zeroWindow) }),
      Lettered(
        letter: "SYN", name: "", colour: Colour.data, places: sent { $0.control.contains(.syn) }),
      Lettered(
        letter: "FIN", name: "", colour: Colour.data, places: sent { $0.control.contains(.fin) }),
      Lettered(
        letter: "FIN", name: "", colour: Colour.acknowledgment, isBelow: true,
        places: answered { $0.control.contains(.fin) }),
      Lettered(
        letter: "RST", name: "", colour: Colour.again, places: sent { $0.control.contains(.rst) }),
      Lettered(
        letter: "RST", name: "", colour: Colour.again, isBelow: true,
        places: answered { $0.control.contains(.rst) }),
    ]
    return kinds.filter { !$0.places.isEmpty }
  }

  /// Where an acknowledgment was repeated for the third time: what makes a sender repair at once.
  private func thirdDuplicates(_ sender: Side) -> [Panel.Point] {
    var (number, count) = (Int.min, 0)
    var places: [Panel.Point] = []
    for segment in segments where segment.side != sender && !segment.isLost {
      guard let acknowledgment = segment.acknowledgment else { continue }
      if acknowledgment != number { (number, count) = (acknowledgment, 0) }
      guard segment.verdict.contains(.duplicateACK) else { continue }
      count += 1
      if count == 3 { places.append((segment.time, Double(number))) }
    }
    return places
  }
}
