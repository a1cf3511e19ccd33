import Analysis
import Frames
import Octets

/// Reads a capture for the mails in it.
struct MailCollector {
  private final class Flow {
    var follower = StreamFollower()
    var dialogue: ConnectionDialogue
    var lastFrame = 0

    init(_ facts: TCPFacts) { dialogue = ConnectionDialogue(first: facts) }
  }

  /// How many connections are followed at once; beyond that those go that were silent longest.
  static let maximumFlows = 4096

  private var flows: [Int: Flow] = [:]
  private var folder: MailFolder

  /// Writes every mail of a capture, up to its end or to the first damage, into a folder.
  static func collect(
    from file: String, into folder: String, onlyStream: Int?
  ) throws -> MailFolder {
    var collector = MailCollector(folder: try MailFolder(folder, onlyStream: onlyStream))
    guard var reader = try? CaptureFileReader(path: file) else { return collector.folder }
    var analyzer = CaptureAnalyzer()
    while true {
      do throws(CaptureError) {
        guard let frame = try reader.lend() else { break }
        let finding = analyzer.frameArrived(
          frame.octets, wireLength: frame.originalLength, link: frame.linkType,
          number: frame.number, time: frame.time)
        guard let finding, onlyStream ?? finding.stream == finding.stream,
          let facts = finding.segment?.facts, facts.header == .whole
        else { continue }
        analyzer.withPayload(of: facts, in: frame.octets) { payload in
          collector.segmentArrived(facts, finding, payload, number: frame.number)
        }
      } catch {
        // Who replays the capture tells of the damage.
        break
      }
    }
    collector.end()
    return collector.folder
  }

  private init(folder: MailFolder) { self.folder = folder }

  private mutating func segmentArrived(
    _ facts: TCPFacts, _ finding: CaptureAnalyzer.Finding, _ payload: Span<UInt8>, number: Int
  ) {
    let flow = flow(finding.stream, facts)
    flow.lastFrame = number
    _ = flow.follower.segmentArrived(
      facts, at: finding.relative, payload: payload, to: &flow.dialogue)
    folder.take(flow.dialogue.take().mail, of: finding.stream)
  }

  private mutating func end() {
    for (stream, flow) in flows.sorted(by: { $0.key < $1.key }) { end(flow, stream) }
    flows = [:]
  }

  private mutating func end(_ flow: Flow, _ stream: Int) {
    flow.dialogue.ended()
    folder.take(flow.dialogue.take().mail, of: stream)
  }

  private mutating func flow(_ stream: Int, _ facts: TCPFacts) -> Flow {
    if let known = flows[stream] { return known }
    if flows.count >= Self.maximumFlows {
      let silent = flows.sorted { $0.value.lastFrame < $1.value.lastFrame }
      for (stream, flow) in silent.prefix(Self.maximumFlows / 4) {
        end(flow, stream)
        flows[stream] = nil
      }
    }
    let flow = Flow(facts)
    flows[stream] = flow
    return flow
  }
}
