import Foundation
import Simulation

// explore [--limit STATES] [--harsher] [WORD...]: the small worlds whose names have all the words.
var limit = Int.max
var isHarsher = false
var words: [String] = []
var arguments = CommandLine.arguments.dropFirst()
while let argument = arguments.popFirst() {
  switch argument {
  case "--limit":
    guard let number = arguments.popFirst().flatMap({ Int($0) }), number > 0 else {
      FileHandle.standardError.write(Data("explore: --limit needs a number\n".utf8))
      exit(64)
    }
    limit = number
  case "--harsher": isHarsher = true
  case "--list":
    for rules in SmallWorldRules.catalogue { print(rules) }
    exit(0)
  default: words.append(argument)
  }
}

let worlds = SmallWorldRules.catalogue.filter { rules in
  words.allSatisfy { rules.name.contains($0) }
}
guard !worlds.isEmpty else {
  FileHandle.standardError.write(Data("explore: no world is called so\n".utf8))
  exit(64)
}
var states = 0
var steps = 0
var isBad = false
let start = Date()
for rules in worlds {
  let begun = Date()
  var exploration = Exploration(isHarsher ? rules.harsher : rules, limit: limit)
  let report = exploration.run()
  states += report.states
  steps += report.steps
  if report.violation != nil { isBad = true }
  print(report.description, String(format: "(%.1f s)", Date().timeIntervalSince(begun)))
  fflush(nil)
}
let seconds = Date().timeIntervalSince(start)
print(
  "\(worlds.count) worlds, \(states) states, \(steps) steps, "
    + String(format: "%.1f s", seconds))
exit(isBad ? 1 : 0)
