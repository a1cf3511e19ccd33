import Frames
import Glibc
import Octets
import Wire

// capture FILE MEGABYTES [KILOBYTES]: writes a capture of so many megabytes, of connections that carry
// so many kilobytes on average (60), as somebody before the servers sees them. The same arguments
// give the same octets.

let arguments = CommandLine.arguments
guard (3...4).contains(arguments.count), let megabytes = Int(arguments[2]), megabytes > 0,
  let kilobytes = arguments.count == 4 ? Int(arguments[3]) : 60, kilobytes > 0
else {
  print("usage: capture FILE MEGABYTES [KILOBYTES OF A CONNECTION]")
  exit(64)
}

/// A frame that waits for its turn.
struct Waiting {
  var time: Int64
  var ordinal: Int
  var octets: [UInt8]
}

do {
  var writer = try PcapngWriter(path: arguments[1])
  let interface = writer.addInterface(name: "wire", link: .ethernet)
  var random = RandomSource.seeded(1)
  var waiting: [Waiting] = []
  var (sessions, frames, written) = (0, 0, 0)
  /// All that begins before is there.
  var now: Int64 = 1_600_000_000_000_000_000
  while written < megabytes * 1_000_000 {
    let interval = Int64(kilobytes) * 80_000
    now += interval
    for (time, octets) in try Session(number: sessions, kilobytes, &random).frames() {
      frames += 1
      waiting.append(Waiting(time: now + time, ordinal: frames, octets: octets))
    }
    sessions += 1
    guard sessions % 16 == 0 else { continue }
    waiting.sort { ($0.time, $0.ordinal) < ($1.time, $1.ordinal) }
    let due = waiting.firstIndex { $0.time >= now } ?? waiting.count
    for frame in waiting[..<due] {
      let ethernet: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0]
      let octets = ethernet + frame.octets
      writer.write(octets.span, interface: interface, time: frame.time)
      written += octets.count + 32
    }
    waiting.removeSubrange(..<due)
  }
  try writer.flush()
  print("frames=\(writer.count) connections=\(sessions)")
} catch {
  print("capture: \(error)")
  exit(1)
}
