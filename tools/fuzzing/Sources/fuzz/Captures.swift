import Frames
import Octets
import Wire

/// The input is a capture file.
func fuzzCapture(_ input: [UInt8]) {
  guard var reader = try? CaptureFileReader(octets: input) else { return }
  let (frames, damage) = reader.remaining()
  mustHold(frames.count <= input.count, "more frames than octets")
  for (index, frame) in frames.enumerated() {
    mustHold(frame.number == index + 1, "frame \(frame.number) is at place \(index)")
    _ = PacketDescription.line(for: frame.octets.span, link: frame.linkType)
  }
  if let damage { mustHold(!damage.description.isEmpty, "damage without a sentence") }
  mustHold((try? reader.next()) == .some(nil), "the reader goes on behind the end")
}
