import Laboratory
import Octets
import Simulation
import Testing

/// The terminal program without a terminal: keys in, lines out.
@Suite("the screen")
struct ScreenTests {
  private func text(_ state: LaboratoryState, _ width: Int = 80, _ height: Int = 24) -> String {
    state.screen(width: width, height: height).map(\.text).joined(separator: "\n")
  }

  private func state(_ scene: LaboratoryScene = .mail) -> LaboratoryState {
    LaboratoryState(title: scene.rawValue, run: scene.run())
  }

  @Test("the screen has exactly its size, whatever is shown", arguments: LaboratoryScene.allCases)
  func size(scene: LaboratoryScene) {
    var random = RandomSource.seeded(3)
    var state = state(scene)
    let keys: [LaboratoryKey] =
      [.left, .right, .right, .right, .up, .down, .home, .end, .pageUp, .pageDown]
      + "dlafbocehxnp[]?".map { .character($0) }
    for turn in 0..<150 {
      let goesOn = state.press(keys.randomElement(using: &random) ?? .right)
      #expect(goesOn)
      let (width, height) =
        turn % 3 == 0
        ? (80, 24)
        : (Int.random(in: 1...200, using: &random), Int.random(in: 1...80, using: &random))
      let lines = state.screen(width: width, height: height)
      #expect(lines.count == height)
      for line in lines {
        #expect(line.text.count == width)
        #expect(!line.text.unicodeScalars.contains { $0.value < 32 })
      }
    }
    let goesOn = state.press(.character("q"))
    #expect(!goesOn)
  }

  @Test("stepping on and back shows the same screens again")
  func backwards() {
    var state = state(.slow)
    var screens: [String] = []
    for _ in 0..<30 {
      screens.append(text(state))
      _ = state.press(.right)
    }
    for screen in screens.reversed() {
      _ = state.press(.left)
      #expect(text(state).dropLast(80) == screen.dropLast(80))
    }
    _ = state.press(.left)
    #expect(text(state).contains("this is the beginning"))
    _ = state.press(.end)
    _ = state.press(.right)
    #expect(text(state).contains("this is the end of the run"))
  }

  @Test("a step tells the packet, both ends' states, the change and its rule")
  func story() {
    var state = state()
    _ = state.press(.right)
    #expect(text(state).contains("client CLOSED → SYN-SENT"))
    #expect(text(state).contains("SYN seq 0 mss 1460"))
    #expect(text(state).contains("(RFC 9293 3.5)"))
    _ = state.press(.right)
    #expect(text(state).contains("server LISTEN → SYN-RECEIVED: a listener takes the SYN"))
    #expect(text(state).contains("SYN-SENT  "))
    _ = state.press(.right)
    #expect(text(state).contains("client SYN-SENT → ESTABLISHED"))
    #expect(text(state).contains("SND.UNA 1  SND.NXT 1"))
  }

  @Test("a packet that is dropped comes again, and dropping it twice takes it back")
  func dropping() throws {
    var state = state()
    let before = everything(state.timeline)
    for _ in 0..<2 { _ = state.press(.right) }
    #expect(state.frame?.ordinal == 2)
    _ = state.press(.character("d"))
    #expect(text(state).contains("packet 2 is lost"))
    #expect(text(state).contains("✗"))
    #expect(state.frame?.ordinal == 2)
    _ = state.press(.right)
    #expect(state.timeline.frame(2).segment.isRetransmission)
    #expect(text(state).contains("in time, so it goes out again"))
    _ = state.press(.up)
    _ = state.press(.character("d"))
    #expect(everything(state.timeline) == before)
  }

  @Test("delays and alterations go round, and the octets' view shows what was altered")
  func changing() {
    var state = state(.transfer)
    let before = everything(state.timeline)
    while state.frame?.segment.count ?? 0 == 0 { _ = state.press(.right) }
    for words in ["0.100 s late", "0.300 s late", "1.000 s late", "no longer late"] {
      _ = state.press(.character("l"))
      #expect(text(state).contains(words))
    }
    #expect(everything(state.timeline) == before)
    _ = state.press(.character("o"))
    for words in ["checksum wrong", "window 0", "RST set", "100 higher"] {
      _ = state.press(.character("a"))
      #expect(text(state).contains(words))
      #expect(state.screen(width: 100, height: 90).contains { $0.style == .lost })
    }
    _ = state.press(.character("a"))
    #expect(everything(state.timeline) == before)
  }

  @Test("a fork goes its own way, and the first run stays")
  func forking() {
    var state = state()
    _ = state.press(.right)
    _ = state.press(.character("f"))
    #expect(state.branches.count == 2 && state.branch == 1)
    _ = state.press(.character("d"))
    #expect(everything(state.branches[1]) != everything(state.branches[0]))
    #expect(text(state).contains("run 2 of 2"))
    _ = state.press(.character("b"))
    #expect(state.branch == 0)
    for _ in 0..<20 { _ = state.press(.character("f")) }
    #expect(state.branches.count == LaboratoryState.maximumBranches)
  }

  @Test("the octets' view names every field, and scrolls to the last")
  func octets() {
    var state = state()
    _ = state.press(.right)
    _ = state.press(.character("o"))
    #expect(text(state).contains("packet 1: 60 octets"))
    let tall = text(state, 90, 90)
    for name in ["Version", "Time to Live", "Sequence Number", "Maximum Segment Size"] {
      #expect(tall.contains(name))
    }
    #expect(!text(state).contains("Window Scale"))
    for _ in 0..<6 { _ = state.press(.pageDown) }
    #expect(text(state).contains("Window Scale"))
  }

  @Test("the plots show the window, what was sent, again and acknowledged, and what was lost")
  func plots() {
    var state = LaboratoryState(title: "lossy", run: LaboratoryScene.lossy.run(seed: 1))
    _ = state.press(.end)
    _ = state.press(.character("c"))
    let lines = state.screen(width: 120, height: 50).map(\.text)
    let field = lines.suffix(20).joined()
    for mark in ["#", "o", "a", "x", "R"] { #expect(field.contains(mark)) }
    #expect(lines.contains { $0.contains("# cwnd") && $0.contains("R again") })
  }

  @Test("n and p go from one event to the next, and back")
  func events() {
    var state = LaboratoryState(title: "lossy", run: LaboratoryScene.lossy.run(seed: 1))
    var places = [0]
    while true {
      _ = state.press(.character("n"))
      if text(state).contains("nothing is lost") { break }
      places.append(state.step)
      let moment = state.moment
      let isEvent =
        !moment.transitions.isEmpty || moment.decisions.contains { $0.rule.effect == .drops }
        || moment.sent.contains {
          let frame = state.timeline.frame($0)
          return !frame.fate.arrives || frame.segment.isRetransmission
        }
      #expect(isEvent, "step \(state.step)")
    }
    #expect(places.count > 10 && places.count < state.timeline.stepCount / 2)
    for place in places.dropLast().reversed().dropLast() {
      _ = state.press(.character("p"))
      #expect(state.step == place)
    }
    _ = state.press(.character("]"))
    _ = state.press(.character("["))
    #expect(state.step == places[1])
  }

  @Test("in 80 columns no section is cut off, and long values go on below")
  func narrow() {
    var state = LaboratoryState(title: "lossy", run: LaboratoryScene.lossy.run(seed: 1))
    _ = state.press(.character("o"))
    var longest = 0
    for _ in 0..<60 {
      _ = state.press(.right)
      guard let frame = state.frame else { continue }
      let shown = text(state, 80, 140)
      for field in PacketDissection.fields(of: frame.octets) where field.name != "Data" {
        #expect(shown.contains(field.source + " ") || shown.contains(field.source + "\n"))
        longest = max(longest, field.value.count)
        for word in field.value.split(separator: " ") where word.count < 16 {
          #expect(shown.contains(word), "\(field)")
        }
      }
    }
    #expect(longest > 30)
  }

  @Test("values are held, and time begins with the first of them")
  func heldPlot() {
    var plot = CharacterPlot(title: "t", points: [.init(10, 4, "#"), .init(12, 2, "#")])
    plot.holds = true
    plot.end = 14
    #expect(
      plot.lines(width: 14, height: 5) == [
        "t             ", "       4│##   ", "        │  ###", "       0│     ",
        "        └ 10.0",
      ])
  }

  @Test("a plot puts its points where they belong")
  func plot() {
    let plot = CharacterPlot(
      title: "t", points: [.init(0, 0, "a"), .init(1, 10, "b"), .init(.nan, 1, "c")])
    #expect(
      plot.lines(width: 14, height: 5) == [
        "t             ", "      10│    b", "        │     ", "       0│a    ", "        └ 1.00",
      ])
  }

  @Test("keys are read whole, in pieces, and without trust")
  func keys() {
    var reader = LaboratoryKeyReader()
    let first = reader.read(Array("\u{1B}[C\u{1B}[Dq".utf8))
    #expect(first == [.right, .left, .character("q")])
    let pieces = [reader.read([27]), reader.read([0x5B]), reader.read([0x41])]
    #expect(pieces == [[], [], [.up]])
    let other = reader.read(Array("\u{1B}OB\u{1B}[5~\u{1B}[6~".utf8))
    #expect(other == [.down, .pageUp, .pageDown])
    let dropped = reader.read(Array("\u{1B}xd".utf8))
    #expect(dropped == [.character("d")])
    let endless = reader.read([27, 0x5B] + Array(repeating: 0x31, count: 40))
    #expect(endless.count < 40)
    var random = RandomSource.seeded(1)
    for _ in 0..<1000 {
      _ = reader.read((0..<8).map { _ in UInt8.random(in: 0...255, using: &random) })
    }
  }
}

/// Steps and packets of a run, to be compared.
struct Everything: Equatable {
  var moments: [Moment]
  var frames: [RecordedFrame]
}

/// Every step and every packet of a run.
func everything(_ timeline: Timeline) -> Everything {
  Everything(
    moments: (0..<timeline.stepCount).map(timeline.moment),
    frames: (0..<timeline.frameCount).map(timeline.frame))
}
