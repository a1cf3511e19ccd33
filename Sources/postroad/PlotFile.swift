import Analysis
import ArgumentParser
import Foundation
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

  /// Draws the connection of a capture that was chosen, or the busiest one.
  static func draw(
    _ collector: FlowCollector, stream: Int?, of capture: String, to path: String
  ) throws {
    guard let flow = collector.busiest else {
      throw complain(
        "\(capture): there is no TCP connection" + (stream.map { " \($0)" } ?? "") + " to draw")
    }
    if collector.omitted > 0 { note("note: \(collector.omitted) segments are not drawn") }
    let name = capture.split(separator: "/").last.map(String.init) ?? capture
    try write(flow, title: "\(flow.client) and \(flow.server) in \(name)", to: path)
  }

  /// Why a frame was sent: our own captures name the rule in a comment, of others the analysis tells.
  static func reason(
    comment: String?, _ segment: (facts: TCPFacts, verdict: FrameVerdict)?
  ) -> String? {
    if let comment {
      let line = comment.prefix { !$0.isNewline }
      return String(line.split(separator: "sends: ", maxSplits: 1).last ?? line)
    }
    guard let verdict = segment?.verdict, !verdict.flags.isEmpty else { return nil }
    return verdict.flags.names.joined(separator: ", ").replacing("_", with: " ")
  }

  /// Draws a connection into the file.
  static func write(_ flow: Flow, title: String, to path: String) throws {
    let sheet = Sheet(flow, title: title)
    let text = path.lowercased().hasSuffix(".svg") ? sheet.svg : sheet.html
    do {
      try Data(text.utf8).write(to: URL(filePath: path))
    } catch {
      throw complain("cannot write \(path): \(systemText(of: error))")
    }
  }
}
