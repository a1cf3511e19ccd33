import ArgumentParser
import Frames
import Octets
import Oracle
import Wire

extension EndpointRole: ExpressibleByArgument {}

/// The part of `postroad replay` in which our stack takes an end's place.
struct StandInOptions: ParsableArguments {
  @Option(
    name: .customLong("as"),
    help: ArgumentHelp(
      "Put our stack in the place of this end, client or server, of one connection, and compare what"
        + " it would have sent with what was sent.",
      valueName: "end"))
  var role: EndpointRole?

  @Option(
    help: ArgumentHelp(
      "With --as: milliseconds that the same segment may be sent earlier or later.",
      valueName: "ms"))
  var tolerance = 10

  @Flag(
    help: """
      With --as: the capture was made at that end, so that all of the peer's frames in it arrived; \
      without, those are taken for lost that the end asks for again.
      """)
  var heardThere = false

  @Flag(help: "With --as: exit code 1 where anything differs.")
  var strict = false

  func validate() throws {
    guard (0...60_000).contains(tolerance) else {
      throw ValidationError("--tolerance must be from 0 to 60000, not \(tolerance)")
    }
    guard role != nil || tolerance == 10 && !heardThere && !strict else {
      throw ValidationError("--tolerance, --heard-there and --strict need --as")
    }
  }

  /// Plays a connection of a capture, tells the comparison, and ends with 1 if that is asked for.
  func run(_ role: EndpointRole, file: String, stream: Int?, isJSON: Bool) throws {
    let (connection, damage) = try read(file, stream, role)
    if stream == nil, connection.streams > 1 {
      note(
        "connection \(connection.stream) of \(connection.streams) is compared; --stream chooses"
          + " another")
    }
    let report = OracleReport(
      connection, as: role, tolerance: Int64(tolerance) * 1_000_000, everythingArrives: heardThere)
    var output = StandInOutput(report)
    try output.tell(asJSON: isJSON)
    if let damage { throw complain("\(file): \(damage)") }
    let differs = Mark.allCases.contains { $0 != .same && report.count($0) > 0 }
    if strict, differs { throw ExitCode.failure }
  }

  private func read(
    _ file: String, _ stream: Int?, _ role: EndpointRole
  ) throws -> (CapturedConnection, CaptureError?) {
    var frames: CaptureFileReader
    do throws(CaptureError) {
      frames = try CaptureFileReader(path: file)
    } catch {
      if case .file = error { throw complain("\(error)") }
      throw complain("\(file): \(error)")
    }
    var reader = ConnectionReader(stream: stream)
    var damage: CaptureError?
    do throws(CaptureError) {
      while let frame = try frames.lend() {
        reader.frameArrived(
          frame.octets, wireLength: frame.originalLength, link: frame.linkType,
          number: frame.number, time: frame.time)
      }
    } catch {
      damage = error
    }
    do throws(OracleRefusal) {
      return (try reader.connection(as: role), damage)
    } catch {
      throw complain("\(file): \(damage.map { "\($0); " } ?? "")\(error)")
    }
  }
}
