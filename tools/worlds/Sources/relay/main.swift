import Foundation
import Frames
import Glibc
import Octets

// relay NAME NAME [--rate MBIT] [--delay MS] [--loss PERCENT] [--jitter MS] [--queue OCTETS]
//   [--seed N] [--seconds S]
//
// Makes two TUN devices in the namespace it runs in, says "relay: ready", and carries packets between
// them. Rate, delay (one way), loss and queue are those of either direction, the jitter is that of
// what enters at the first device. It ends by itself, and with it the devices.

func fail(_ words: String, _ code: Int32) -> Never {
  FileHandle.standardError.write(Data("relay: \(words)\n".utf8))
  exit(code)
}

func monotonic() -> Int64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Waits until one of the descriptors, each below 64, is readable, or so many nanoseconds are over.
func wait(for descriptors: [Int32], atMost nanoseconds: Int64) {
  // Of what waits finer than a millisecond this is what Glibc's module has.
  var time = timeval(tv_sec: 0, tv_usec: Int((nanoseconds + 999) / 1000))
  var set = fd_set()
  for descriptor in descriptors { set.__fds_bits.0 |= 1 << Int(descriptor) }
  _ = unsafe select((descriptors.max() ?? 0) + 1, &set, nil, nil, &time)
}

/// Carries what waits at a device into a line, and what has arrived there out at the other device.
func carry(
  _ line: inout Line, from near: inout TUNDevice, to far: inout TUNDevice
) throws(FrameError) {
  let now = monotonic()
  var arrived: [[UInt8]] = []
  while let octets = line.leave(at: now) { arrived.append(octets) }
  let none = [UInt8]()
  for octets in arrived {
    // A device with no room is a receiver too slow for its network: lost as it would be there.
    _ = far.transmit(octets.span, none.span, none.span, offload: .none)
  }
  _ = try near.receive(upTo: 64) { octets, _ in line.enter(octets, at: now) }
}

var arguments = CommandLine.arguments.dropFirst()
guard let firstName = arguments.popFirst(), let secondName = arguments.popFirst() else {
  fail("which devices?", 64)
}
var conditions = LineConditions()
var jitter: Int64 = 0
var seed: UInt64 = 1
var seconds = 60.0
while let argument = arguments.popFirst() {
  guard let value = arguments.popFirst().flatMap(Double.init), value >= 0 else {
    fail("\(argument) wants a number", 64)
  }
  switch argument {
  case "--rate": conditions.rate = value * 125_000
  case "--delay": conditions.delay = Int64(value * 1e6)
  case "--loss": conditions.loss = value / 100
  case "--jitter": jitter = Int64(value * 1e6)
  case "--queue": conditions.queue = Int(value)
  case "--seed": seed = UInt64(value)
  case "--seconds": seconds = value
  default: fail("what is \(argument)?", 64)
  }
}
var restless = conditions
restless.jitter = jitter
var there = Line(restless, seed: 2 * seed)
var back = Line(conditions, seed: 2 * seed + 1)
do throws(FrameError) {
  var first = try TUNDevice(name: firstName, offload: false)
  var second = try TUNDevice(name: secondName, offload: false)
  FileHandle.standardError.write(Data("relay: ready\n".utf8))
  let end = monotonic() + Int64(seconds * 1e9)
  while monotonic() < end {
    try carry(&there, from: &first, to: &second)
    try carry(&back, from: &second, to: &first)
    let due = min(there.nextDue ?? .max, back.nextDue ?? .max, end, monotonic() + 100_000_000)
    wait(for: [first.descriptor, second.descriptor], atMost: max(due - monotonic(), 0))
  }
} catch {
  fail("\(error)", 1)
}
