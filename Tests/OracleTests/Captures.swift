import Foundation
import Frames
import Octets
import ProgramRunner

@testable import Oracle

/// The project's own captures.
enum Captures {
  static let folder = Places.root.appending(path: "captures")

  /// The names of those with TCP in them.
  static let names: [String] = {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return all.filter { $0.contains(".pcap") && $0 != "fragments.pcapng" }.sorted()
  }()

  static func frames(_ name: String) throws -> [CapturedFrame] {
    try CaptureFileReader.frames(path: folder.appending(path: name).path).frames
  }

  static func connection(
    _ frames: [CapturedFrame], stream: Int? = nil, as role: EndpointRole
  ) throws -> CapturedConnection {
    var reader = ConnectionReader(stream: stream)
    for frame in frames {
      reader.frameArrived(
        frame.octets.span, wireLength: frame.originalLength, link: frame.linkType,
        number: frame.number, time: frame.time)
    }
    return try reader.connection(as: role)
  }

  static func report(
    _ name: String, stream: Int = 0, as role: EndpointRole
  ) throws -> OracleReport {
    OracleReport(try connection(try frames(name), stream: stream, as: role), as: role)
  }
}

extension OracleReport {
  /// What differs, for messages of tests.
  var differences: [String] {
    comparisons.filter { $0.mark != .same }.map { comparison in
      "\(comparison.mark.rawValue) frame \(comparison.theirs.first?.frame ?? 0) at"
        + " \(comparison.time): \(comparison.aspects.map(\.rawValue)),"
        + " \(comparison.ours.first?.rule?.name ?? "-")"
    }
  }
}
