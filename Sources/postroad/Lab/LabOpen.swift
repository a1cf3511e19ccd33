import ArgumentParser
import Foundation
import Laboratory

/// `postroad lab [NAME]`: the terminal program, or an exercise.
struct LabOpen: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "open", abstract: "Show a run on the terminal, or open an exercise.")

  @Argument(help: ArgumentHelp("An exercise; none for the terminal program.", valueName: "name"))
  var name: String?

  func run() throws {
    guard let name else { throw ValidationError("name an exercise; 'postroad lab list' has them") }
    let exercise = try Lab.exercise(name)
    if !FileManager.default.fileExists(atPath: name) {
      try Lab.write(exercise, into: name)
      try put(["\(name)/ was written; this is its README.md:", ""])
    }
    try put([String(decoding: exercise.folder[0].octets, as: UTF8.self)])
  }
}
