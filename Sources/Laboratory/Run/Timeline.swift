public import Simulation
import TCPCore

/// A run to go about in, forwards and backwards, however long it is.
///
/// The run happens once, when the timeline is made. Of each step and packet the few numbers stay that
/// plots and lists need. Whole steps are kept in pages; of these only the latest used stay, and the
/// others are made again when they are looked at, from the nearest checkpoint before them: a copy of
/// both hosts, the link and the users as they were. A fork begins at a checkpoint, too.
///
/// Bounds: ``maximumFrames`` packets; ``maximumCheckpoints`` checkpoints, which stand further apart
/// the longer the run is; ``maximumPages`` pages.
public final class Timeline {
  /// The largest number of packets; the run stops there.
  public static let maximumFrames = 100_000
  /// Steps of a page, or one more.
  static let pageLength = 128
  /// The most checkpoints that are kept.
  static let maximumCheckpoints = 32
  /// The most pages that are kept.
  static let maximumPages = 32

  /// A copy of everything at the beginning of a page.
  private final class Checkpoint {
    let recorder: Recorder
    init(_ recorder: borrowing Recorder, for run: RecordedRun) {
      self.recorder = Recorder(copying: recorder, for: run)
    }
  }

  /// Some steps in a row, and the packets that are sent in them.
  private struct Page {
    var moments: [Moment]
    var frames: [RecordedFrame]
  }

  /// The run.
  public let run: RecordedRun
  /// The run stopped at ``maximumFrames`` or at its time limit.
  public private(set) var isCutOff = false
  /// The numbers of each step.
  private(set) var steps: [StepNote] = []
  /// The numbers of each packet.
  private(set) var frames: [FrameNote] = []

  /// The first step and the first packet of each page.
  private var starts: [(step: Int, frame: Int)] = []
  private var checkpoints: [(page: Int, state: Checkpoint)] = []
  /// Pages from one checkpoint to the next.
  private var spacing = 1
  private var pages: [Int: Page] = [:]
  /// The pages that are kept, the latest used one last.
  private var order: [Int] = []
  /// Pages that were made again.
  package private(set) var remakes = 0

  /// Lets a run happen.
  public init(_ run: RecordedRun) {
    self.run = run
    var recorder = Recorder(run, maximumFrames: Self.maximumFrames, keepsStreams: false)
    go(on: &recorder)
  }

  /// The same run with another fate of one packet: it begins at the checkpoint before that packet.
  public convenience init(
    forking other: Timeline, at ordinal: Int, _ intervention: FrameIntervention?
  ) {
    self.init(
      other, other.run.forked(at: ordinal, intervention),
      from: other.page(ofStep: other.step(sending: ordinal) ?? 0))
  }

  private init(_ other: Timeline, _ run: RecordedRun, from page: Int) {
    self.run = run
    let known = other.checkpoints.prefix { $0.page <= page }
    guard let last = known.last else { preconditionFailure("a timeline without its beginning") }
    // What happened before is the same, and so is shared.
    let start = other.starts[last.page]
    steps = Array(other.steps.prefix(start.step))
    frames = Array(other.frames.prefix(start.frame))
    starts = Array(other.starts.prefix(last.page))
    checkpoints = Array(known.dropLast())
    spacing = other.spacing
    pages = other.pages.filter { $0.key < last.page }
    order = other.order.filter { $0 < last.page }
    var recorder = Recorder(copying: last.state.recorder, for: run)
    go(on: &recorder)
  }

  // MARK: Looking

  /// Steps in all; the first is before anything happens.
  public var stepCount: Int { steps.count }
  /// Packets in all.
  public var frameCount: Int { frames.count }

  /// A step.
  public func moment(_ step: Int) -> Moment {
    let number = page(ofStep: step)
    return load(number).moments[step - starts[number].step]
  }

  /// A packet, by its place: its number less 1.
  public func frame(_ place: Int) -> RecordedFrame {
    var (low, high) = (0, starts.count - 1)
    while low < high {
      let middle = (low + high + 1) / 2
      if starts[middle].frame <= place { low = middle } else { high = middle - 1 }
    }
    // A page may be without packets of its own.
    return load(low).frames[place - starts[low].frame]
  }

  /// The step in which a packet is sent; nil if there is none of that number.
  public func step(sending ordinal: Int) -> Int? {
    guard ordinal >= 1, ordinal <= frameCount else { return nil }
    return place(in: steps.count) { steps[$0].sent >= ordinal }
  }

  private func page(ofStep step: Int) -> Int {
    place(in: starts.count) { starts[$0].step > step } - 1
  }

  /// The first place at which a condition holds that holds from there on.
  private func place(in count: Int, _ holds: (Int) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if holds(middle) { high = middle } else { low = middle + 1 }
    }
    return low
  }

  // MARK: Making

  /// Lets the run go on to its end, and notes everything.
  private func go(on recorder: inout Recorder) {
    var goesOn = true
    while goesOn {
      let number = starts.count
      starts.append((steps.count, frames.count))
      if number % spacing == 0 { checkpoints.append((number, Checkpoint(recorder, for: run))) }
      if checkpoints.count > Self.maximumCheckpoints { thinOut() }
      let page = Self.turn(&recorder, &goesOn)
      frames += page.frames.map(FrameNote.init)
      steps += page.moments.map { moment in
        StepNote(
          moment,
          isRemarkable: moment.sent.contains { place in
            frames[place].isLost || frames[place].isRetransmission
          })
      }
      keep(page, as: number)
    }
    isCutOff = recorder.isCutOff
  }

  /// Every other checkpoint goes.
  private func thinOut() {
    spacing *= 2
    checkpoints.removeAll { $0.page % spacing != 0 }
  }

  /// The next page of a run.
  private static func turn(_ recorder: inout Recorder, _ goesOn: inout Bool) -> Page {
    var page = Page(moments: [], frames: [])
    while page.moments.count < pageLength {
      let (moments, frames) = recorder.takeNotes()
      page.moments += moments
      page.frames += frames
      guard page.moments.count < pageLength else { break }
      goesOn = recorder.advance()
      if !goesOn { break }
    }
    return page
  }

  private func load(_ number: Int) -> Page {
    if let page = pages[number] {
      if order.last != number {
        order.removeAll { $0 == number }
        order.append(number)
      }
      return page
    }
    guard let start = checkpoints.last(where: { $0.page <= number }) else {
      preconditionFailure("a timeline without its beginning")
    }
    var recorder = Recorder(copying: start.state.recorder, for: run)
    var goesOn = true
    var page = Page(moments: [], frames: [])
    for place in start.page...number {
      page = Self.turn(&recorder, &goesOn)
      remakes += 1
      keep(page, as: place)
    }
    return page
  }

  private func keep(_ page: Page, as number: Int) {
    if pages.updateValue(page, forKey: number) == nil { order.append(number) }
    if order.count > Self.maximumPages { pages[order.removeFirst()] = nil }
  }
}
