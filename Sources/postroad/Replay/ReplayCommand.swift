import ArgumentParser
import Foundation
import Frames
import Octets
import Wire

/// `postroad replay`: what a correct stack sees in a capture.
struct Replay: ParsableCommand {
  static let configuration = CommandConfiguration(
    abstract: "Read a pcap or pcapng file and tell, frame by frame, what a correct stack sees.",
    discussion: """
      Fragments and streams are put together again; an SMTP dialogue is told below the frame that \
      completes a line (C: client, S: server). A damaged capture is read up to the damage; then \
      that is said, and the exit code is 1.

      With --json each line is one object. For a frame: "frame" (counted from 1), "time" (seconds \
      since the first frame), "captured" and "length" (octets), "text", and "remarks" (each with \
      "sentence" and "source") where there is something to remark. For a line of dialogue: "frame" \
      (that completed it), "flow" ("client > server"), "speaker" ("client" or "server"), "line", \
      and "message": true where it is part of the mail itself.
      """)

  @Argument(help: ArgumentHelp("The capture.", valueName: "file"))
  var file: String

  @Flag(help: "One JSON object a line.")
  var json = false

  @Flag(help: "Say what is remarkable about a frame, with the document that explains it.")
  var explain = false

  func run() throws {
    var reader: CaptureFileReader
    do throws(CaptureError) {
      reader = try CaptureFileReader(path: file)
    } catch {
      if case .file = error { throw complain("\(error)") }
      throw complain("\(file): \(error)")
    }
    var replayer = Replayer()
    var output = ReplayOutput(isJSON: json, explains: explain)
    var damage: CaptureError?
    while true {
      do throws(CaptureError) {
        guard let frame = try reader.next() else { break }
        let entry = replayer.read(
          frame.octets.span, length: frame.originalLength, nanoseconds: frame.time,
          link: frame.linkType)
        output.tell(entry)
        if explain, !json, let comment = frame.comment { output.tell(comment: comment) }
      } catch {
        damage = error
        break
      }
      if output.isFull { try output.flush() }
    }
    try output.flush()
    if let damage { throw complain("\(file): \(damage)") }
  }
}

/// Writes entries of a replay to standard output, as text or as JSON.
struct ReplayOutput {
  let isJSON: Bool
  let explains: Bool
  private var pending: [UInt8] = []
  private let encoder: JSONEncoder

  private struct FrameObject: Encodable {
    struct RemarkObject: Encodable {
      let sentence: String
      let source: String
    }
    let frame: Int
    let time: Double
    let captured: Int
    let length: Int
    let text: String
    let remarks: [RemarkObject]?
  }

  private struct LineObject: Encodable {
    let frame: Int
    let flow: String
    let speaker: String
    let line: String
    let message: Bool?
  }

  init(isJSON: Bool, explains: Bool) {
    self.isJSON = isJSON
    self.explains = explains
    encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
  }

  mutating func tell(_ entry: Replayer.Entry) {
    if isJSON { tellJSON(entry) } else { tellText(entry) }
  }

  /// Whether it is time to flush.
  var isFull: Bool { pending.count > 65_536 }

  /// Writes what was told since the last time.
  mutating func flush() throws {
    try put(pending)
    pending.removeAll(keepingCapacity: true)
  }

  private mutating func tellText(_ entry: Replayer.Entry) {
    let number = Self.pad(String(entry.number), 5)
    let cut =
      entry.captured < entry.length ? " (\(entry.captured) of \(entry.length) octets kept)" : ""
    line("\(number) \(Self.seconds(entry.time)) \(entry.description)\(cut)")
    let indent = String(repeating: " ", count: 17)
    if explains {
      for remark in entry.remarks { line("\(indent)· \(remark.sentence) (\(remark.source))") }
    }
    for said in entry.said {
      line("\(indent)\(said.line.speaker == .client ? "C:" : "S:") \(said.line.text)")
    }
  }

  /// The comment of a frame: our own captures say why in it.
  mutating func tell(comment: String) {
    let indent = String(repeating: " ", count: 17)
    for part in comment.split(whereSeparator: \.isNewline) {
      line("\(indent)\u{201C}\(part)\u{201D}")
    }
  }

  private mutating func tellJSON(_ entry: Replayer.Entry) {
    let (seconds, attoseconds) = entry.time.components
    encode(
      FrameObject(
        frame: entry.number, time: Double(seconds) + Double(attoseconds) / 1e18,
        captured: entry.captured, length: entry.length, text: entry.description,
        remarks: entry.remarks.isEmpty
          ? nil : entry.remarks.map { .init(sentence: $0.sentence, source: $0.source) }))
    for said in entry.said {
      encode(
        LineObject(
          frame: entry.number, flow: said.flow, speaker: said.line.speaker.rawValue,
          line: said.line.text, message: said.line.isMessage ? true : nil))
    }
  }

  private mutating func encode(_ object: some Encodable) {
    guard let data = try? encoder.encode(object) else { return }
    pending += data
    pending.append(10)
  }

  private mutating func line(_ text: String) {
    pending += Array(text.utf8)
    pending.append(10)
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(width - text.count, 0)) + text
  }

  /// Seconds with microseconds.
  private static func seconds(_ time: Duration) -> String {
    let (seconds, attoseconds) = time.components
    let micro = abs(attoseconds / 1_000_000_000_000)
    return pad(
      (time < .zero ? "-" : "") + "\(abs(seconds)).\(String(micro + 1_000_000).dropFirst())", 11)
  }
}
