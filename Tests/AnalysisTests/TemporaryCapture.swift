import Foundation
import Frames
import Wire

/// A capture that goes when it is not needed any more.
///
/// - Parameter kept: octets that it keeps of the frame with that index.
func withCapture(
  _ frames: [(time: Int64, octets: [UInt8])], link: LinkType = .rawIP,
  kept: (Int) -> Int = { _ in .max },
  _ body: (String) async throws -> Void
) async throws {
  let path = FileManager.default.temporaryDirectory.appending(
    path: "postroad-\(UUID().uuidString).pcapng"
  ).path
  defer { try? FileManager.default.removeItem(atPath: path) }
  var writer = try PcapngWriter(path: path)
  let interface = writer.addInterface(name: "tun0", link: link)
  for (index, frame) in frames.enumerated() {
    let part = Array(frame.octets.prefix(kept(index)))
    writer.write(
      part.span, interface: interface, time: frame.time, originalLength: frame.octets.count)
  }
  try writer.flush()
  try await body(path)
}
