public import Frames
import Octets
import Wire

/// Writes what happened in scripts as a capture, with each packet's reason as its comment: why it was
/// sent, or what became of it where the script was run with ``RunSettings/explains``.
public struct ScriptCapture: ~Copyable {
  private var writer: PcapngWriter

  /// Makes or overwrites a file.
  public init(path: String) throws(CaptureError) {
    writer = try PcapngWriter(path: path)
  }

  /// Keeps the capture in memory.
  public init() { writer = PcapngWriter() }

  /// Adds the packets of a script that was run with its steps kept: an interface for each script,
  /// named after its file.
  public mutating func add(_ report: ScriptReport) {
    let name = report.file.split(separator: "/").last.map(String.init) ?? report.file
    let interface = writer.addInterface(name: name, link: .ipv4)
    // What was decided without a packet goes with the next one.
    var waiting: [String] = []
    for step in report.steps {
      guard !step.octets.isEmpty else {
        waiting = (waiting + step.decisions.map(\.description)).suffix(16)
        continue
      }
      let line = step.line.map { "\(name):\($0)" }
      let why = step.rule.map(\.description)
      let decisions = waiting + step.decisions.map(\.description)
      waiting = []
      let comment = ([line, why].compactMap(\.self) + decisions).joined(separator: "; ")
      writer.write(
        step.octets.span, interface: interface, time: step.time * 1000,
        direction: step.kind == .inbound ? .inbound : .outbound,
        comment: comment.isEmpty ? nil : comment)
    }
  }

  /// Hands everything to the kernel; throws the first failure there was.
  public mutating func flush() throws(CaptureError) { try writer.flush() }

  /// Takes what was written to memory.
  public mutating func takeOctets() -> [UInt8] { writer.takeOctets() }
}
