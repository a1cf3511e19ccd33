import CFuzzer
import Glibc

// POSTROAD_FUZZ_TARGET=NAME fuzz LIBFUZZER-ARGUMENTS...: fuzzes one target.
// fuzz --targets: lists the targets, one a line.
// fuzz --seeds DIRECTORY [CAPTURE...]: writes a small corpus for each target into DIRECTORY/NAME.
let arguments = CommandLine.arguments
switch arguments.dropFirst().first {
case "--targets":
  for target in FuzzTarget.allCases { print(target.rawValue) }
  exit(0)
case "--seeds" where arguments.count >= 3:
  exit(writeSeeds(into: arguments[2], captures: Array(arguments.dropFirst(3))) ? 0 : 1)
default:
  guard FuzzTarget.chosen != nil else {
    print("set POSTROAD_FUZZ_TARGET to one of:", FuzzTarget.allCases.map(\.rawValue))
    exit(64)
  }
  exit(unsafe fuzzer_run(CommandLine.argc, CommandLine.unsafeArgv))
}
