/// How many frames are read in a row: what a turn of the loop takes in before anything is sent.
///
/// Under light load nearly every turn reads one frame and asks the device no second time; under heavy
/// load it reads up to 64, so that one acknowledgment answers many.
struct BatchSize {
  /// Frames.
  private(set) var count = 1
  private var fullTurns = 0

  private static var largest: Int { 64 }

  /// Doubles while it is filled; from one, only after a row of full turns.
  mutating func adapt(to frames: Int) {
    guard frames == count else {
      fullTurns = 0
      count = max(frames, 1)
      return
    }
    fullTurns &+= 1
    guard count > 1 || fullTurns >= 8 else { return }
    fullTurns = 0
    count = min(count &* 2, Self.largest)
  }
}
