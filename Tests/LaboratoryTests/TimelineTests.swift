import Octets
import Simulation
import TCPCore
import Testing

@testable import Laboratory

/// Long runs: gone about in any direction, forked anywhere, in bounded memory.
@Suite("timelines")
struct TimelineTests {
  @Test(
    "a timeline has the steps and packets of the recording", arguments: LaboratoryScene.allCases)
  func same(scene: LaboratoryScene) {
    let recording = scene.run(seed: 7).record()
    let seen = everything(Timeline(scene.run(seed: 7)))
    #expect(seen.moments == recording.moments)
    #expect(seen.frames == recording.frames)
  }

  /// A transfer of some thousand packets on a bad link.
  private static func long(_ seed: UInt64, octets: Int = 3_000_000) -> RecordedRun {
    var run = LaboratoryScene.lossy.run(seed: seed, octets: octets)
    run.link.loss = 0.01
    run.link.reordering = 0.01
    run.link.duplication = 0.01
    return run
  }

  @Test("in a long run steps that were forgotten come back as they were, wherever one jumps")
  func remade() {
    let run = Self.long(1)
    let timeline = Timeline(run)
    var recorder = Recorder(run, maximumFrames: Timeline.maximumFrames)
    while recorder.advance() {}
    let recording = recorder.finish()
    #expect(timeline.stepCount == recording.moments.count)
    #expect(timeline.frameCount == recording.frames.count && recording.frames.count > 3000)
    #expect(timeline.remakes == 0)
    // Backwards, step by step, then here and there.
    for step in recording.moments.indices.reversed() {
      #expect(timeline.moment(step) == recording.moments[step])
    }
    let remade = timeline.remakes
    #expect(remade > 0, "everything was kept: the run is too short for this test")
    // Each page was made again a bounded number of times.
    #expect(remade < 4 * timeline.stepCount / Timeline.pageLength)
    var random = RandomSource.seeded(5)
    for _ in 0..<40 {
      let place = Int.random(in: recording.frames.indices, using: &random)
      #expect(timeline.frame(place) == recording.frames[place])
      #expect(timeline.step(sending: place + 1) == recording.moment(sending: place + 1))
    }
    #expect(timeline.step(sending: 0) == nil)
    #expect(timeline.step(sending: timeline.frameCount + 1) == nil)
  }

  @Test("a fork begins at a checkpoint and is what the changed run is from its start")
  func forks() {
    let run = Self.long(2, octets: 1_500_000)
    let timeline = Timeline(run)
    for part in [1, 5, 12, 19] {
      let ordinal = timeline.frameCount * part / 20 + 1
      let fork = Timeline(forking: timeline, at: ordinal, .drop)
      let straight = Timeline(run.forked(at: ordinal, .drop))
      #expect(everything(fork) == everything(straight), "packet \(ordinal)")
      // And a fork of the fork, before and behind.
      let again = Timeline(forking: fork, at: ordinal / 2 + 1, .delay(.milliseconds(100)))
      let other = Timeline(
        run.forked(at: ordinal, .drop).forked(at: ordinal / 2 + 1, .delay(.milliseconds(100))))
      #expect(everything(again) == everything(other), "packet \(ordinal)")
      let back = Timeline(forking: fork, at: ordinal, nil)
      #expect(everything(back) == everything(timeline))
    }
  }

  @Test("a run without end is cut off at the bound, and says so")
  func bound() {
    var run = Self.long(3, octets: 2_000_000)
    run.limit = .seconds(2)
    let timeline = Timeline(run)
    #expect(timeline.isCutOff)
    var state = LaboratoryState(title: "long", run: run)
    _ = state.press(.end)
    _ = state.press(.right)
    let lines = state.screen(width: 100, height: 30).map(\.text)
    #expect(lines[0].contains("cut off at \(timeline.frameCount) packets"))
    #expect(lines.last?.contains("the run was cut off here") == true)
    var recorder = Recorder(run, maximumFrames: 50)
    while recorder.advance() {}
    #expect(recorder.isCutOff && recorder.frameCount >= 50 && recorder.frameCount < 200)
  }
}
