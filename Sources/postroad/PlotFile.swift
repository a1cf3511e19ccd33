import ArgumentParser
import Foundation
import Frames
import Pictures

/// A file for pictures, by its name's ending: `.svg`, or `.html` for one page with all of them.
enum PlotFile {
  /// Refuses other endings, before anything is done.
  static func check(_ path: String?) throws {
    guard let path else { return }
    guard [".svg", ".html", ".htm"].contains(where: path.lowercased().hasSuffix) else {
      throw ValidationError("--plot must be a file that ends in .svg or .html, not '\(path)'")
    }
  }

  /// Draws the busiest connection of a capture, which is read up to its damage if it has any.
  static func draw(capture: String, to path: String) throws {
    var collector = FlowCollector()
    do throws(CaptureError) {
      var reader = try CaptureFileReader(path: capture)
      var first: Int64?
      while let frame = try reader.next() {
        let start = first ?? frame.time
        first = start
        collector.add(
          frame.octets.span, link: frame.linkType, at: Double(frame.time &- start) / 1e9,
          reason: frame.comment.map(reason))
      }
    } catch {
      if case .file = error { throw complain("\(error)") }
      note("note: \(capture): \(error)")
    }
    guard let flow = collector.busiest else {
      throw complain("\(capture): there is no TCP connection to draw")
    }
    if collector.omitted > 0 { note("note: \(collector.omitted) segments are not drawn") }
    let name = capture.split(separator: "/").last.map(String.init) ?? capture
    try write(flow, title: "\(flow.client) and \(flow.server) in \(name)", to: path)
  }

  /// The beginning of a comment: our own captures name the rule there.
  private static func reason(_ comment: String) -> String {
    let line = comment.prefix { !$0.isNewline }
    return String(line.split(separator: "sends: ", maxSplits: 1).last ?? line)
  }

  /// Draws a connection into the file.
  static func write(_ flow: Flow, title: String, to path: String) throws {
    let sheet = Sheet(flow, title: title)
    let text = path.lowercased().hasSuffix(".svg") ? sheet.svg : sheet.html
    do {
      try Data(text.utf8).write(to: URL(filePath: path))
    } catch {
      throw complain("cannot write \(path): \(error.localizedDescription)")
    }
  }
}
