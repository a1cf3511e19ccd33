import Octets
import Testing

@testable import Drill

@Suite("recorded exchanges in the stack's place")
struct RecordingTests {
  /// Scripts that ask for nothing but packets and results: those a recording has.
  static let names = OwnScripts.names.filter { name in
    guard let script = try? OwnScripts.script(name) else { return false }
    return !script.events.contains { event in
      if case .code = event.action { return true }
      guard case .call(let call) = event.action else { return false }
      return ["getsockopt", "poll", "epoll_wait", "recvmsg"].contains(call.name)
    }
  }

  func record(_ script: Script) -> Recording? {
    var settings = OwnScripts.settings
    settings.traces = true
    let report = script.run(settings)
    guard case .passed = report.outcome else { return nil }
    return Recording(report)
  }

  @Test("what passed once passes again from its record", arguments: names)
  func replays(name: String) throws {
    let script = try OwnScripts.script(name)
    guard let recording = record(script) else { return }
    let report = ScriptRunner.run(script, settings: OwnScripts.settings, recording: recording)
    #expect(report.outcome.name == "pass", "\(report.line)")
  }

  @Test("a record that lacks a packet, or has it later, damaged or twice, fails", arguments: names)
  func damages(name: String) throws {
    let script = try OwnScripts.script(name)
    guard let recording = record(script) else { return }
    func outcome(_ change: (inout Recording) -> Void) -> String {
      var changed = recording
      change(&changed)
      return ScriptRunner.run(script, settings: OwnScripts.settings, recording: changed).outcome
        .name
    }
    let hasOneSocket =
      script.events.count { event in
        if case .call(let call) = event.action { call.name == "socket" } else { false }
      } == 1
    for place in recording.packets.indices {
      // Without a part of an aggregate, or the packet itself, the script cannot go on.
      #expect(outcome { $0.packets.remove(at: place) } != "pass", "packet \(place) lacks")
      #expect(outcome { $0.packets[place].octets[33] ^= 1 } != "pass", "packet \(place) is damaged")
      // What comes again for an earlier connection is nobody's.
      guard hasOneSocket else { continue }
      #expect(
        outcome { $0.packets.insert($0.packets[place], at: place) } != "pass",
        "packet \(place) comes twice")
    }
  }
}
