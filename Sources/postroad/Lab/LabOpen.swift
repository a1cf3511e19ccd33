import ArgumentParser
import Foundation
import Laboratory
import Simulation

/// `postroad lab [NAME]`: the terminal program, or an exercise.
struct LabOpen: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "open", abstract: "Show a run on the terminal, or open an exercise.",
    discussion: """
      Keys: the arrows left and right step, up and down select a packet; d drops it, l delays it, \
      a alters it, f forks the run, b shows the next run; o shows its octets, c plots, e both \
      ends; n and p go to the next and the previous event; ? helps, q quits. A run of up to \
      \(Timeline.maximumFrames) packets is kept; a longer one is cut off there.
      """)

  @Argument(help: ArgumentHelp("An exercise; none for the terminal program.", valueName: "name"))
  var name: String?

  @Option(
    help: ArgumentHelp("The run: mail, transfer, lossy or slow.", valueName: "scene"),
    transform: { name in
      guard let scene = LaboratoryScene(rawValue: name) else {
        let names = LaboratoryScene.allCases.map(\.rawValue).joined(separator: ", ")
        throw ValidationError("there is no scene '\(name)'; there are \(names)")
      }
      return scene
    })
  var scene = LaboratoryScene.mail

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("Where chance begins, from 0 up.", valueName: "n"))
  var seed: UInt64 = 1

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp("The part of the packets that the link loses, 0 to 0.5.", valueName: "p"))
  var loss: Double?

  @Option(
    parsing: .unconditional,
    help: ArgumentHelp(
      "What a transfer carries, for --scene transfer and lossy: 1 to 20000000.",
      valueName: "count"))
  var octets: Int?

  func validate() throws {
    if let octets, !(1...LaboratoryScene.mostOctets).contains(octets) {
      throw ValidationError(
        "--octets must be from 1 to \(LaboratoryScene.mostOctets), not \(octets)")
    }
    if octets != nil, !scene.isTransfer {
      throw ValidationError("--octets is for --scene transfer and lossy, not \(scene.rawValue)")
    }
    if let loss, !(0...0.5).contains(loss) {
      throw ValidationError("--loss must be from 0 to 0.5, not \(loss)")
    }
  }

  func run() throws {
    guard let name else { return try show() }
    let exercise = try Lab.exercise(name)
    if !FileManager.default.fileExists(atPath: name) {
      try Lab.write(exercise, into: name)
      try put(["\(name)/ was written; this is its README.md:", ""])
    }
    try put([String(decoding: exercise.folder[0].octets, as: UTF8.self)])
  }

  private func show() throws {
    guard let terminal = RawTerminal() else {
      throw complain(
        "the laboratory needs a terminal; 'postroad lab list' names exercises that need none",
        .validationFailure)
    }
    var run = scene.run(seed: seed, octets: octets)
    if let loss { run.link.loss = loss }
    // A long run takes a moment.
    terminal.draw([ScreenLine("the run is being made ...")], hasColours: false)
    var state = LaboratoryState(title: scene.rawValue, run: run)
    var reader = LaboratoryKeyReader()
    let hasColours = (ProcessInfo.processInfo.environment["NO_COLOR"] ?? "").isEmpty
    while true {
      let size = terminal.size
      terminal.draw(
        state.screen(width: size.columns, height: size.rows), hasColours: hasColours)
      switch terminal.wait() {
      case .resized: continue
      case .ended: return
      case .typed(let octets):
        for key in reader.read(octets) where !state.press(key) { return }
      }
    }
  }
}
