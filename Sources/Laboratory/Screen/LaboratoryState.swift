import Octets
import Simulation

/// A key, as the terminal told it.
public enum LaboratoryKey: Hashable, Sendable {
  case left, right, up, down, home, end, pageUp, pageDown
  /// A letter or another character.
  case character(Character)
}

/// What is looked at below the ladder.
public enum LaboratoryPanel: Hashable, Sendable {
  /// Both ends: states, numbers, windows, timers.
  case ends
  /// The octets of the selected packet, field by field.
  case octets
  /// Congestion window and sequence numbers over time.
  case plots
  /// The keys.
  case help
}

/// The terminal program without its terminal: runs, a place in one, and what keys do.
///
/// Every change to a packet is a new run, which begins at the checkpoint before it, so that nothing
/// depends on what was looked at before; a step back is a smaller number.
public struct LaboratoryState {
  /// The most runs that are kept side by side.
  public static let maximumBranches = 9
  private static let delays: [Duration] = [.milliseconds(100), .milliseconds(300), .seconds(1)]

  /// The title of the scene.
  public let title: String
  /// The runs side by side; the first is the one that was begun with.
  public private(set) var branches: [Timeline]
  /// Which of them is looked at.
  public private(set) var branch = 0
  /// Which step of it.
  public private(set) var step = 0
  /// The place of the selected packet among the run's; nil before any was sent.
  public private(set) var selected: Int?
  /// What is shown below the ladder.
  public private(set) var panel = LaboratoryPanel.ends
  /// How many lines of the panel lie above its first.
  public private(set) var scroll = 0
  /// What the last key has done.
  public private(set) var message = "? for the keys"

  /// A laboratory at the beginning of a run.
  public init(title: String, run: RecordedRun) {
    self.title = title
    branches = [Timeline(run)]
    moment = branches[0].moment(0)
  }

  /// The step that is looked at.
  public private(set) var moment: Moment

  /// The run that is looked at.
  public var timeline: Timeline { branches[branch] }
  /// The selected packet.
  public var frame: RecordedFrame? { selected.map { timeline.frame($0) } }
  /// Packets that were sent up to this step.
  public var sentCount: Int { moment.sent.upperBound }

  /// Follows a key.
  /// - Returns: false when the program is to end.
  public mutating func press(_ key: LaboratoryKey) -> Bool {
    message = ""
    switch key {
    case .right: go(to: step + 1)
    case .left: go(to: step - 1)
    case .home: go(to: 0)
    case .end: go(to: timeline.stepCount - 1)
    case .up: select((selected ?? 0) - 1)
    case .down: select((selected ?? -1) + 1)
    case .pageUp: scroll = max(scroll - 8, 0)
    case .pageDown: scroll = min(scroll + 8, 200)
    case .character(let character): return command(character)
    }
    return true
  }

  private mutating func command(_ character: Character) -> Bool {
    switch character.lowercased() {
    case "q", "\u{3}": return false
    case "d": drop()
    case "l": delay()
    case "a": alter()
    case "f": fork()
    case "b":
      branch = (branch + 1) % branches.count
      go(to: min(step, timeline.stepCount - 1))
      message = "run \(branch + 1) of \(branches.count)"
    case "n": goToRemarkable(isForwards: true)
    case "p": goToRemarkable(isForwards: false)
    case "]": go(to: step + 20)
    case "[": go(to: step - 20)
    case "o": show(.octets)
    case "c": show(.plots)
    case "e": show(.ends)
    case "?", "h": show(panel == .help ? .ends : .help)
    default: message = "no such key; ? for the keys"
    }
    return true
  }

  private mutating func show(_ panel: LaboratoryPanel) {
    self.panel = panel
    scroll = 0
  }

  private mutating func go(to place: Int) {
    let last = timeline.stepCount - 1
    if place < 0 { message = "this is the beginning" }
    if place > last {
      message =
        timeline.isCutOff
        ? "the run was cut off here, at its bound of \(timeline.frameCount) packets or its time"
        : "this is the end of the run"
    }
    step = min(max(place, 0), last)
    moment = timeline.moment(step)
    scroll = 0
    selectLatest()
  }

  private mutating func goToRemarkable(isForwards: Bool) {
    guard let place = timeline.remarkable(after: step, isForwards: isForwards) else {
      message = "nothing is lost, sent again or thrown away from here on, and no state changes"
      return
    }
    go(to: place)
  }

  /// Selects what this step is about: what was sent, else what arrived.
  private mutating func selectLatest() {
    if !moment.sent.isEmpty {
      selected = moment.sent.upperBound - 1
    } else if let arrived = moment.arrivals.last {
      selected = arrived
    } else {
      selected = sentCount > 0 ? min(selected ?? 0, sentCount - 1) : nil
    }
  }

  private mutating func select(_ place: Int) {
    guard sentCount > 0 else {
      message = "no packet was sent yet; the right arrow steps on"
      return
    }
    selected = min(max(place, 0), sentCount - 1)
    scroll = 0
  }

  // MARK: Changing packets

  private mutating func drop() {
    change { run, frame in
      if case .drop? = run.interventions[frame.ordinal] { return (nil, "is no longer lost") }
      return (.drop, "is lost")
    }
  }

  private mutating func delay() {
    change { run, frame in
      var next = 0
      if case .delay(let now)? = run.interventions[frame.ordinal] {
        next = (Self.delays.firstIndex(of: now) ?? -1) + 1
      }
      guard next < Self.delays.count else { return (nil, "is no longer late") }
      let late = Self.delays[next]
      return (.delay(late), "comes \(LadderLine.clock(late)) late")
    }
  }

  private mutating func alter() {
    change { run, frame in
      var next = 0
      let kinds = Alteration.allCases
      if let now = run.interventions[frame.ordinal] {
        next = (kinds.firstIndex { $0.intervention(on: frame.octets) == now } ?? -1) + 1
      }
      guard next < kinds.count else { return (nil, "is no longer altered") }
      guard let altered = kinds[next].intervention(on: frame.octets) else {
        return (run.interventions[frame.ordinal], "cannot be altered")
      }
      return (altered, "is altered: \(kinds[next].sentence)")
    }
  }

  /// Runs again with another fate of the selected packet, and comes back to where it is sent.
  private mutating func change(
    _ choose: (RecordedRun, RecordedFrame) -> (FrameIntervention?, String)
  ) {
    guard let frame else {
      message = "no packet is selected; the right arrow steps on"
      return
    }
    let (intervention, words) = choose(timeline.run, frame)
    branches[branch] = Timeline(forking: timeline, at: frame.ordinal, intervention)
    // Everything up to the packet is as it was, the step in which it is sent too.
    step = timeline.step(sending: frame.ordinal) ?? 0
    moment = timeline.moment(step)
    selected = frame.ordinal - 1
    scroll = 0
    message = "packet \(frame.ordinal) \(words); → shows what comes of it"
  }

  private mutating func fork() {
    guard branches.count < Self.maximumBranches else {
      message = "\(branches.count) runs are enough"
      return
    }
    branches.append(timeline)
    branch = branches.count - 1
    message = "forked: this is run \(branches.count), run 1 stays; b goes from one to the next"
  }
}

/// Reads keys from what a terminal sends.
public struct LaboratoryKeyReader: Sendable {
  private var pending: [UInt8] = []

  /// A reader at its beginning.
  public init() {}

  /// The keys in these octets; an unfinished sequence waits for the rest.
  public mutating func read(_ octets: [UInt8]) -> [LaboratoryKey] {
    var keys: [LaboratoryKey] = []
    for octet in octets {
      pending.append(octet)
      if pending[0] != 27 {
        if octet < 128 { keys.append(.character(Character(Unicode.Scalar(octet)))) }
        pending = []
      } else if pending.count == 2 {
        // What follows an escape is a sequence with [ or O, else it is dropped.
        if octet != UInt8(ascii: "["), octet != UInt8(ascii: "O") { pending = [] }
      } else if pending.count > 2, (64...126).contains(octet) || pending.count > 16 {
        if let key = Self.key(pending) { keys.append(key) }
        pending = []
      }
    }
    return keys
  }

  private static func key(_ sequence: [UInt8]) -> LaboratoryKey? {
    switch String(decoding: sequence.dropFirst(2), as: UTF8.self) {
    case "A": .up
    case "B": .down
    case "C": .right
    case "D": .left
    case "H", "1~", "7~": .home
    case "F", "4~", "8~": .end
    case "5~": .pageUp
    case "6~": .pageDown
    default: nil
    }
  }
}
