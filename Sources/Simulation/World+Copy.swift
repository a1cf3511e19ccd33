import Octets
import Stack

extension World {
  /// Another world that is as this one is now, and from now on goes its own way: what did not happen
  /// here may happen there.
  ///
  /// The same hosts and links are in it under the same names, frames under way included; what users do
  /// the same brings the same about. A test reads this file: a property that is not copied here fails it.
  public func copy() -> World {
    var other = World(seed: 0)
    other.now = now
    other.recordsFrames = recordsFrames
    other.recordsDecisions = recordsDecisions
    other.loses = loses
    other.intervenes = intervenes
    other.frameCount = frameCount
    other.fates = fates
    other.hosts = hosts.copy {
      SimulatedHost(name: $0.name, stack: $0.stack.copy(), ports: $0.ports)
    }
    other.handles = handles
    other.links = links
    other.flights = flights
    other.random = random
    other.frames = frames
    other.decisions = decisions
    return other
  }
}
