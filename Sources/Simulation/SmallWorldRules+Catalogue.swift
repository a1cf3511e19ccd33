import TCPCore

extension SmallWorldRules {
  private init(_ name: String, _ set: (inout SmallWorldRules) -> Void) {
    self.init(name: name)
    set(&self)
  }

  /// The worlds that are explored: each asks something else of the state machine.
  public static let catalogue: [SmallWorldRules] = [
    SmallWorldRules("one opens, both close") {
      $0.network.drops = 2
      $0.network.duplicates = 1
      $0.network.earlyTimers = 1
    },
    SmallWorldRules("both open at once") {
      $0.right.openings = 1
      $0.network.drops = 1
      $0.network.duplicates = 1
      $0.network.delays = 1
    },
    SmallWorldRules("one writes") {
      $0.left.writes = [1, 3]
      $0.network.drops = 2
      $0.network.delays = 1
      $0.network.earlyTimers = 1
    },
    SmallWorldRules("one writes, without SACK") {
      $0.left.writes = [2, 2, 1]
      $0.configuration.usesSACK = false
      $0.network.drops = 1
      $0.network.duplicates = 1
      $0.network.delays = 1
    },
    SmallWorldRules("both write") {
      $0.left.writes = [3]
      $0.right.writes = [2]
      $0.network.drops = 1
      $0.network.duplicates = 1
      $0.network.delays = 1
      $0.network.earlyTimers = 1
    },
    SmallWorldRules("either may abort") {
      $0.left.writes = [2]
      $0.right.writes = [1]
      $0.left.mayAbort = true
      $0.right.mayAbort = true
      $0.network.drops = 1
      $0.network.duplicates = 1
    },
    SmallWorldRules("an old SYN comes again") {
      $0.left.mayAbort = true
      $0.right.mayAbort = true
      $0.network.duplicates = 2
      $0.network.delays = 2
    },
    SmallWorldRules("both open at once, write and abort") {
      $0.right.openings = 1
      $0.left.writes = [2]
      $0.right.mayAbort = true
      $0.network.drops = 1
      $0.network.delays = 1
    },
    SmallWorldRules("opened again after the end") {
      $0.left.openings = 2
      $0.left.writes = [1, 1]
      $0.network.drops = 1
      $0.network.duplicates = 1
    },
    SmallWorldRules("a slow reader closes the window") {
      $0.left.writes = [2048, 1]
      $0.right.readsAtOnce = false
      $0.pathMTU = 4000
      $0.network.drops = 2
      $0.network.earlyTimers = 1
    },
    SmallWorldRules("a slow reader, three segments") {
      $0.left.writes = [1000, 1000, 48]
      $0.right.readsAtOnce = false
      $0.network.drops = 1
      $0.network.delays = 1
      $0.network.earlyTimers = 1
    },
    SmallWorldRules("acknowledgments wait, Nagle waits") {
      $0.left.writes = [1, 1, 1]
      $0.configuration.noDelay = false
      $0.network.drops = 1
      $0.network.earlyTimers = 1
    },
  ]

  /// The same world with a fault more of each kind that it has.
  public var harsher: SmallWorldRules {
    var rules = self
    if network.drops > 0 { rules.network.drops += 1 }
    if network.duplicates > 0 { rules.network.duplicates += 1 }
    if network.delays > 0 { rules.network.delays += 1 }
    if network.earlyTimers > 0 { rules.network.earlyTimers += 1 }
    return rules
  }
}
