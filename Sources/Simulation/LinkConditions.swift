/// Losses that come together, as on a radio link: a good state that loses little, and a bad one.
///
/// Source: E. N. Gilbert, "Capacity of a burst-noise channel", Bell System Technical Journal 39, 1960.
public struct BurstLoss: Hashable, Sendable {
  /// The chance, with each frame, that a bad time begins.
  public var begin: Double
  /// The chance, with each frame, that it ends.
  public var end: Double
  /// The part of the frames that is lost in a bad time.
  public var loss: Double

  /// Bursts from their parts.
  public init(begin: Double = 0.01, end: Double = 0.25, loss: Double = 1) {
    self.begin = begin
    self.end = end
    self.loss = loss
  }
}

/// A router that lets so much pass and drops the rest without a queue: a token bucket.
public struct Policer: Hashable, Sendable {
  /// Bits a second that pass in the long run.
  public var rate: Int
  /// Octets that pass at once after silence.
  public var burst: Int

  /// A policer from its parts.
  public init(rate: Int, burst: Int) {
    self.rate = rate
    self.burst = burst
  }
}

/// What a link does to the frames of one direction. Chances are from 0 to 1.
public struct LinkConditions: Hashable, Sendable, CustomStringConvertible {
  /// How long a frame is under way.
  public var delay: Duration = .milliseconds(10)
  /// What may be added to the delay; frames keep their order unless ``jitterReorders``.
  public var jitter: Duration = .zero
  /// With jitter each frame goes its own way, and may overtake others.
  public var jitterReorders = false
  /// The chance that a frame is lost.
  public var loss = 0.0
  /// Losses that come together; nil for none.
  public var burstLoss: BurstLoss?
  /// The chance that a frame comes twice.
  public var duplication = 0.0
  /// The chance that a frame is held back, so that others pass it.
  public var reordering = 0.0
  /// How long a frame is held back at most.
  public var reorderingDelay: Duration = .milliseconds(30)
  /// The chance that one octet of a frame is changed. A link layer's checksum is not simulated.
  public var corruption = 0.0
  /// Bits a second; nil for no limit.
  public var rate: Int?
  /// Octets that may wait for their turn on a link with a rate.
  public var queueLimit = 128 * 1024
  /// A policer before the link's queue; nil for none.
  public var policer: Policer?
  /// Octets waiting from which on the router marks what may be marked (RFC 3168); nil for never.
  public var markingThreshold: Int?
  /// The largest packet that gets through, where it is less than the interfaces believe.
  public var pathMTU: Int?
  /// Whether a router answers for what is larger, as RFC 1191 asks; else it is a black hole.
  public var tellsTooBig = true

  /// A link of 10 ms that does no harm.
  public init() {}

  /// The faults that are on.
  public var description: String {
    var parts = ["delay \(delay)"]
    if jitter > .zero {
      parts.append("jitter \(jitter)\(jitterReorders ? " without order" : "")")
    }
    if loss > 0 { parts.append("loss \(loss)") }
    if let burstLoss { parts.append("bursts \(burstLoss.begin)/\(burstLoss.end)") }
    if duplication > 0 { parts.append("duplication \(duplication)") }
    if reordering > 0 { parts.append("reordering \(reordering)") }
    if corruption > 0 { parts.append("corruption \(corruption)") }
    if let policer { parts.append("policed to \(policer.rate) bit/s, \(policer.burst)") }
    if let rate { parts.append("\(rate) bit/s, queue \(queueLimit)") }
    if let markingThreshold { parts.append("marks from \(markingThreshold)") }
    if let pathMTU { parts.append("path MTU \(pathMTU)\(tellsTooBig ? "" : ", untold")") }
    return parts.joined(separator: ", ")
  }
}
