import Analysis
import ArgumentParser
import Frames
import Wire

/// Which frames of a capture are told.
final class FrameChoice {
  private let stream: Int?
  private let expression: String?
  /// Compiled for the link type of the frame before; nil where it makes no sense for that.
  private var filter: Compiled?

  private final class Compiled {
    let link: LinkType
    let filter: CaptureFilter?

    init(_ expression: String, _ link: LinkType) {
      self.link = link
      filter = try? CaptureFilter(expression, link: link)
    }
  }

  init(stream: Int?, filter: String?) {
    self.stream = stream
    expression = filter
  }

  /// Says so when an expression is none.
  static func check(_ expression: String?) throws {
    guard let expression else { return }
    do throws(FrameError) {
      _ = try CaptureFilter(expression, link: .ethernet)
    } catch {
      throw ValidationError("--filter: \(error)")
    }
  }

  func includes(_ entry: Replayer.Entry, _ frame: borrowing LentFrame) -> Bool {
    if let stream, entry.finding?.stream != stream { return false }
    guard let expression else { return true }
    let compiled: Compiled
    if let filter, filter.link == frame.linkType {
      compiled = filter
    } else {
      compiled = Compiled(expression, frame.linkType)
      filter = compiled
    }
    return compiled.filter?.matches(frame.octets, originalLength: frame.originalLength)
      ?? false
  }
}
