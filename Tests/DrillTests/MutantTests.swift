import Testing

@testable import Drill

/// Alters one thing in one packet that a script expects.
enum Mutation: CaseIterable {
  case flags, sequence, length, acknowledgment, urgentPointer, optionValue, extraOption,
    fewerOptions
  case time, window, congestion, echo

  /// The altered packet; nil where there is nothing to alter.
  func apply(to event: ScriptEvent) -> ScriptEvent? {
    guard case .outbound(var packet) = event.action, case .tcp(var segment) = packet.body else {
      return nil
    }
    var event = event
    switch self {
    case .flags: segment.flags.formSymmetricDifference(.psh)
    case .sequence:
      // The number of a SYN is the script's to choose: all others count from it.
      guard !segment.flags.contains(.syn) else { return nil }
      segment.start &+= 1
    case .length: segment.length &+= 1
    case .acknowledgment: segment.acknowledgment = (segment.acknowledgment ?? 0) &+ 1
    case .urgentPointer: segment.urgentPointer = 7
    case .window: segment.window = 1
    case .congestion: packet.network.congestion = .exactly(3)
    case .extraOption:
      guard let options = segment.options, options.reduce(0, { $0 + $1.length }) <= 36 else {
        return nil
      }
      segment.options = options + Array(repeating: .noOperation, count: 4)
    case .fewerOptions:
      guard let options = segment.options, !options.isEmpty else { return nil }
      segment.options = []
    case .optionValue:
      guard let options = segment.options else { return nil }
      let altered = options.map(Self.alter)
      guard altered != options else { return nil }
      segment.options = altered
    case .echo:
      guard let options = segment.options else { return nil }
      let altered = options.map { option in
        if case .timestamps(let value, let echo) = option {
          OptionSyntax.timestamps(value: value, echo: echo &+ 1)
        } else {
          option
        }
      }
      guard altered != options else { return nil }
      segment.options = altered
    case .time:
      switch event.time {
      case .relative(let time): event.time = .relative(time + time / 2 + 500_000)
      case .absolute(let time): event.time = .absolute(time + time / 2 + 500_000)
      default: return nil
      }
    }
    packet.body = .tcp(segment)
    event.action = .outbound(packet)
    return event
  }

  private static func alter(_ option: OptionSyntax) -> OptionSyntax {
    switch option {
    case .maximumSegmentSize(let size): .maximumSegmentSize(size ^ 1)
    case .windowScale(let shift): .windowScale(shift ^ 1)
    case .sack(let blocks):
      .sack(blocks.map { SACKSyntax(left: $0.left, right: $0.right &+ 1) })
    default: option
    }
  }
}

@Suite("mutants of scripts")
struct MutantTests {
  static let scripts = [
    established + """
      +0 write(4, ..., 1000) = 1000
      +0 > P. 1:1001(1000) ack 1
      +.1 < P. 1:101(100) ack 1001 win 32792
      +0 > . 1001:1001(0) ack 101
      +.1 < F. 101:101(0) ack 1001 win 32792
      +0 > . 1001:1001(0) ack 102

      """,
    """
    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
    +0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
    +0 connect(3, ..., ...) = -1 EINPROGRESS (in progress)
    +0 > S 0:0(0) <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8>
    +.1 < S. 0:0(0) ack 1 win 5000 <mss 1000,sackOK,TS val 700 ecr 100>
    +0 > . 1:1(0) ack 1 <nop,nop,TS val 200 ecr 700>

    """,
  ]

  @Test(
    "a script passes, and with one field of one expected packet altered it fails",
    arguments: scripts)
  func mutants(text: String) throws {
    let script = try Script(parsing: Array(text.utf8), file: "x.pkt")
    var settings = RunSettings()
    settings.isStrict = true
    #expect(script.run(settings).outcome.name == "pass", "\(script.run(settings).line)")
    var count = 0
    for index in script.events.indices {
      for mutation in Mutation.allCases {
        guard let altered = mutation.apply(to: script.events[index]) else { continue }
        var mutant = script
        mutant.events[index] = altered
        count += 1
        #expect(
          mutant.run(settings).outcome.name == "fail",
          "line \(script.events[index].line), \(mutation)")
      }
    }
    #expect(count > 10)
  }
}
