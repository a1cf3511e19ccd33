/// What an exploration has found.
public struct ExplorationReport: Sendable {
  /// The world.
  public var name: String
  /// States that can be told apart.
  public var states = 0
  /// Steps between them.
  public var steps = 0
  /// Steps to the furthest state.
  public var depth = 0
  /// States in which both ends are CLOSED and nothing is under way.
  public var endings = 0
  /// Whether every state was visited; otherwise the bound came first, and from each state that was
  /// not left the fair way to the end was taken.
  public var isWhole = true
  /// What is wrong; nil if nothing is.
  public var violation: String?
  /// The shortest way to it: what happened, step by step.
  public var path: [String] = []

  /// A line for people, and the way to what is wrong.
  public var description: String {
    let bound = isWhole ? "" : " (bounded)"
    let line = "\(name): \(states) states, \(steps) steps, depth \(depth)\(bound)"
    guard let violation else { return "\(line), \(endings) endings: all is well" }
    return (["\(line): \(violation)"] + path).joined(separator: "\n")
  }
}

/// Visits all states of a small world, breadth first, so that the way to a fault is the shortest.
///
/// A state is known by its digest. To go on from one, the steps to it are taken again, for a
/// connection cannot be copied. In each state all invariants are looked at; and from each, where
/// the network becomes fair and the users come to an end, both ends must reach CLOSED.
public struct Exploration {
  /// A step to a state that was new: where from, what happened, and where the fair way goes on.
  private struct Visit {
    var parent: UInt32
    var action: UInt8
    var depth: UInt16
    /// The next state on the fair way; itself at the end; unknown is `.max`.
    var fair = UInt32.max
  }

  private let rules: SmallWorldRules
  private let limit: Int
  private var visits: [Visit] = []
  private var places: [UInt64: UInt32] = [:]
  private var report: ExplorationReport
  /// No fair way has more steps.
  private static let patience = 5000

  /// An exploration of a world that stops to look for more after so many states.
  public init(_ rules: SmallWorldRules, limit: Int = .max) {
    self.rules = rules
    self.limit = min(limit, Int(UInt32.max) - 1)
    report = ExplorationReport(name: rules.description)
  }

  /// Visits the states.
  public mutating func run() -> ExplorationReport {
    let start = SmallWorld(rules)
    places[start.digest()] = 0
    visits = [Visit(parent: 0, action: 0, depth: 0)]
    var next = 0
    while next < visits.count, report.violation == nil {
      guard visits.count < limit else { break }
      expand(next)
      next += 1
    }
    report.states = visits.count
    report.depth = visits.last.map { Int($0.depth) } ?? 0
    report.isWhole = next == visits.count
    // What was not left must be able to end too.
    while next < visits.count, report.violation == nil {
      follow(next)
      next += 1
    }
    if report.violation == nil { lookForTraps() }
    return report
  }

  /// The steps from the start to a state.
  private func path(to place: Int) -> [SmallAction] {
    var steps: [SmallAction] = []
    var place = place
    while place != 0 {
      steps.append(SmallAction(code: visits[place].action))
      place = Int(visits[place].parent)
    }
    return steps.reversed()
  }

  private func world(after steps: [SmallAction]) -> SmallWorld {
    let world = SmallWorld(rules)
    for step in steps { world.perform(step) }
    return world
  }

  private mutating func expand(_ place: Int) {
    let steps = path(to: place)
    let here = world(after: steps)
    if here.isOver, here.actions().isEmpty {
      visits[place].fair = UInt32(place)
      report.endings += 1
      return
    }
    let fair = here.fairAction
    var actions = here.actions()
    // What is fair may be among what only happens when nothing else does.
    if let fair, !actions.contains(fair) { actions.append(fair) }
    guard fair != nil else {
      return fail("nothing can happen any more, and an end is not CLOSED", steps)
    }
    for action in actions {
      let next = world(after: steps)
      next.perform(action)
      report.steps += 1
      if let violation = next.violation { return fail(violation, steps + [action]) }
      let digest = next.digest()
      let found: UInt32
      if let known = places[digest] {
        found = known
      } else {
        found = UInt32(visits.count)
        places[digest] = found
        visits.append(
          Visit(
            parent: UInt32(place), action: action.code, depth: visits[place].depth &+ 1))
      }
      if action == fair { visits[place].fair = found }
    }
  }

  /// From a state that is not explored further: the fair way, to its end.
  private mutating func follow(_ place: Int) {
    let steps = path(to: place)
    let world = world(after: steps)
    var taken = steps
    for _ in 0..<Self.patience {
      guard let action = world.fairAction else {
        guard world.isOver else {
          return fail("nothing can happen any more, and an end is not CLOSED", taken)
        }
        visits[place].fair = UInt32(place)
        return
      }
      world.perform(action)
      taken.append(action)
      if let violation = world.violation { return fail(violation, taken) }
    }
    fail("there is no end on the fair way", taken)
  }

  /// The fair way of every state leads to an end, and not in a circle.
  private mutating func lookForTraps() {
    var isGood = [Bool](repeating: false, count: visits.count)
    for place in visits.indices {
      var way: [Int] = []
      var here = place
      while !isGood[here] {
        let next = Int(visits[here].fair)
        guard next != here else {
          isGood[here] = true
          break
        }
        way.append(here)
        guard way.count <= Self.patience else {
          return fail("there is no end on the fair way", path(to: place))
        }
        here = next
      }
      for passed in way { isGood[passed] = true }
    }
  }

  private mutating func fail(_ violation: String, _ steps: [SmallAction]) {
    guard report.violation == nil else { return }
    report.violation = violation
    let world = SmallWorld(rules)
    world.story = []
    for step in steps { world.perform(step) }
    report.path = world.story ?? []
  }
}
