import Foundation
import Simulation

// networks PAGE [--check] [--only WORDS] [--seed N]: runs the grid of networks, writes or checks the page.
func fail(_ words: String, _ code: Int32) -> Never {
  FileHandle.standardError.write(Data("networks: \(words)\n".utf8))
  exit(code)
}

var arguments = CommandLine.arguments.dropFirst()
guard let page = arguments.popFirst() else { fail("which page?", 64) }
var isCheck = false
var only: String?
var seed: UInt64?
while let argument = arguments.popFirst() {
  switch argument {
  case "--check": isCheck = true
  case "--only": only = arguments.popFirst()
  case "--seed":
    guard let number = arguments.popFirst().flatMap(UInt64.init) else { fail("which seed?", 64) }
    seed = number
  default: fail("what is \(argument)?", 64)
  }
}

let trials = NetworkGrid.trials.filter { trial in
  only.map { trial.key.contains($0) || trial.group == $0 } ?? true
}
guard !trials.isEmpty else { fail("no path is called so", 64) }
let start = Date()
var rows: [String] = []
let isShown = only != nil || seed != nil
if isShown { print(NetworkGrid.head) }
for var trial in trials {
  if let seed { trial.seed = seed }
  let row = NetworkGrid.row(trial, trial.run())
  rows.append(row)
  if isShown {
    print(row)
    fflush(nil)
  }
}
FileHandle.standardError.write(
  Data(
    "\(trials.count) cells, \(String(format: "%.0f", Date().timeIntervalSince(start))) s\n".utf8))

guard !isShown || isCheck else { exit(0) }
let old = (try? String(contentsOfFile: page, encoding: .utf8)) ?? ""
let known = Set(old.split(separator: "\n").map(String.init))
if isCheck {
  let changed = rows.filter { !known.contains($0) }
  for row in changed { print("not in the table: \(row)") }
  exit(changed.isEmpty ? 0 : 1)
}
guard let table = old.range(of: "| path |") else { fail("\(page) has no table", 1) }
let text = old[..<table.lowerBound] + ([NetworkGrid.head] + rows).joined(separator: "\n") + "\n"
do {
  try text.write(toFile: page, atomically: true, encoding: .utf8)
} catch {
  fail("\(error)", 1)
}
