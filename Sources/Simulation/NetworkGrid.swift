import TCPCore

/// The grid of networks, and the table that is kept of it.
public enum NetworkGrid {
  /// One row for each controller where one sender has the path; one for each mixture where two have.
  public static let trials: [NetworkTrial] =
    paths.flatMap { path in
      CongestionAlgorithm.allCases.map { algorithm in
        var trial = path
        trial.senders = [algorithm]
        return trial
      }
    } + mixtures

  /// Rates and round trips; then one fault after the other on a path of 100 Mbit/s and 20 ms.
  private static var paths: [NetworkTrial] {
    var list: [NetworkTrial] = []
    for megabits in [1, 10, 100, 1000] as [Double] {
      for roundTrip in [1, 20, 100, 300] as [Double] {
        list.append(NetworkTrial("rate", megabits: megabits, roundTrip: roundTrip))
      }
    }
    for roundTrip in [20, 100] as [Double] {
      for loss in [0.001, 0.01, 0.03, 0.05] {
        list.append(variant("loss", 100, roundTrip) { $0.loss = loss })
      }
    }
    for loss in [0.01, 0.05] {
      list.append(variant("loss", 10, 20) { $0.loss = loss })
    }
    for (begin, end) in [(0.001, 0.25), (0.005, 0.5)] {
      list.append(
        variant("bursts", 100, 20) { $0.burstLoss = BurstLoss(begin: begin, end: end) })
    }
    list.append(variant("bursts", 10, 20) { $0.burstLoss = BurstLoss(begin: 0.001, end: 0.25) })
    for queue in [0.1, 0.25, 4] {
      list.append(variant("queue", 100, 20) { $0.queue = queue })
    }
    list.append(variant("queue", 10, 100) { $0.queue = 0.25 })
    for jitter in [1, 5, 20, 50] as [Double] {
      list.append(variant("jitter", 100, 20) { $0.jitter = jitter })
    }
    list.append(variant("jitter", 10, 20) { $0.jitter = 10 })
    for policed in [0.1, 0.5] {
      list.append(variant("policer", 100, 20) { $0.policed = policed })
    }
    list.append(variant("policer", 20, 20) { $0.policed = 0.25 })
    return list + mixedPaths
  }

  /// Two faults at once, or one where another than the usual rate or round trip makes it harder.
  private static var mixedPaths: [NetworkTrial] {
    [
      variant("mixed", 100, 1) { $0.loss = 0.01 },
      variant("mixed", 10, 100) { $0.loss = 0.01 },
      variant("mixed", 10, 300) { $0.loss = 0.03 },
      variant("mixed", 100, 300) { $0.loss = 0.001 },
      variant("mixed", 1000, 20) { $0.loss = 0.001 },
      variant("mixed", 100, 20) { ($0.loss, $0.jitter) = (0.01, 5) },
      variant("mixed", 100, 20) { ($0.loss, $0.jitter) = (0.01, 20) },
      variant("mixed", 10, 20) { ($0.loss, $0.jitter) = (0.03, 10) },
      variant("mixed", 100, 20) { ($0.loss, $0.queue) = (0.01, 0.1) },
      variant("mixed", 100, 100) { ($0.loss, $0.queue) = (0.01, 0.25) },
      variant("mixed", 10, 20) { $0.queue = 0.1 },
      variant("mixed", 1000, 20) { $0.queue = 0.1 },
      variant("mixed", 10, 100) { $0.queue = 4 },
      variant("mixed", 100, 100) { $0.jitter = 20 },
      variant("mixed", 10, 300) { $0.jitter = 50 },
      variant("mixed", 100, 20) { ($0.jitter, $0.queue) = (5, 0.25) },
      variant("mixed", 100, 100) { $0.burstLoss = BurstLoss(begin: 0.001, end: 0.25) },
      variant("mixed", 100, 20) {
        ($0.burstLoss, $0.jitter) = (BurstLoss(begin: 0.001, end: 0.25), 5)
      },
      variant("mixed", 100, 20) { ($0.loss, $0.policed) = (0.01, 0.1) },
      variant("mixed", 100, 100) { $0.policed = 0.1 },
    ]
  }

  private static var mixtures: [NetworkTrial] {
    let pairs: [[CongestionAlgorithm]] = [
      [.reno, .reno], [.cubic, .cubic], [.bbr, .bbr], [.cubic, .reno], [.bbr, .reno],
      [.bbr, .cubic],
    ]
    return [20, 100].flatMap { roundTrip in
      pairs.map { pair in
        var trial = variant("two", 20, roundTrip) { _ in }
        trial.senders = pair
        return trial
      }
    }
  }

  private static func variant(
    _ group: String, _ megabits: Double, _ roundTrip: Double, _ set: (inout NetworkTrial) -> Void
  ) -> NetworkTrial {
    var trial = NetworkTrial(group, megabits: megabits, roundTrip: roundTrip)
    set(&trial)
    return trial
  }

  /// The head of the table.
  public static let head = """
    | path | controller | of the link | sent again | spurious | time-outs | Jain |
    |---|---|---:|---:|---:|---:|---:|
    """

  /// A row of the table.
  public static func row(_ trial: NetworkTrial, _ measures: NetworkMeasures) -> String {
    let shares = measures.shares.map { percent($0) }.joined(separator: " + ")
    let fairness = measures.shares.count > 1 ? decimal(measures.fairness, 2) : ""
    return """
      | \(trial.path) | \(trial.names) | \(shares) | \(percent(measures.retransmitted)) \
      | \(measures.spurious) | \(measures.timeouts) | \(fairness) |
      """
  }

  /// What one row of the table says, to be compared; nil if it is none.
  public static func read(row: String) -> (key: String, measures: NetworkMeasures)? {
    let fields = row.split(separator: "|", omittingEmptySubsequences: false).map { field in
      field.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
    }.map { String($0) }
    guard fields.count == 9, let spurious = Int(fields[5]), let timeouts = Int(fields[6]) else {
      return nil
    }
    var measures = NetworkMeasures()
    for word in fields[3].split(separator: " ") where word != "+" {
      guard let share = Double(word.dropLast()) else { return nil }
      measures.shares.append(share / 100)
    }
    guard let again = Double(fields[4].dropLast()) else { return nil }
    measures.retransmitted = again / 100
    measures.spurious = spurious
    measures.timeouts = timeouts
    return ("\(fields[1]), \(fields[2])", measures)
  }

  private static func percent(_ part: Double) -> String { decimal(part * 100, 1) + "%" }

  private static func decimal(_ number: Double, _ places: Int) -> String {
    var scale = 1
    for _ in 0..<places { scale *= 10 }
    let whole = Int((number * Double(scale)).rounded())
    let digits = String(whole % scale)
    let zeros = String(repeating: "0", count: places - digits.count)
    return "\(whole / scale).\(zeros)\(digits)"
  }
}

extension NetworkTrial {
  /// The path in words.
  public var path: String {
    var words = "\(Self.short(megabits)) Mbit/s, \(Self.short(roundTrip)) ms"
    if queue != 1 { words += ", queue \(Self.short(queue)) BDP" }
    if loss > 0 { words += ", loss \(Self.short(loss * 100)) %" }
    if let burstLoss { words += ", bursts of \(Self.short(1 / burstLoss.end))" }
    if jitter > 0 { words += ", jitter \(Self.short(jitter)) ms" }
    if let policed { words += ", policed to \(Self.short(policed * 100)) %" }
    return words
  }

  /// The senders in words.
  public var names: String { senders.map(\.rawValue).joined(separator: " + ") }

  /// What the table's row is found by.
  public var key: String { "\(path), \(names)" }

  /// Segments that it takes about, for who wants only what is quick.
  public var cost: Double {
    min(max(10, roundTrip / 25) * megabits * (policed ?? 1) * 125_000 / 1500, 300_000)
  }

  private static func short(_ number: Double) -> String {
    let text = "\(number)"
    return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
  }
}
