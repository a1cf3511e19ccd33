import Octets
public import Wire

/// One frame of a capture file.
public struct CapturedFrame: Hashable, Sendable {
  /// Its place in the file, from 1.
  public var number: Int
  /// Nanoseconds since 1970-01-01 00:00 UTC; 0 where the file gives no time.
  public var time: Int64
  /// What the first octets are.
  public var linkType: LinkType
  /// Octets that the frame had on its link, which may be more than were kept.
  public var originalLength: Int
  /// The octets that were kept.
  public var octets: [UInt8]
  /// The frame's comment, in pcapng.
  public var comment: String?

  /// A frame from its parts.
  public init(
    number: Int, time: Int64, linkType: LinkType, originalLength: Int, octets: [UInt8],
    comment: String? = nil
  ) {
    self.number = number
    self.time = time
    self.linkType = linkType
    self.originalLength = originalLength
    self.octets = octets
    self.comment = comment
  }

  /// A copy of a frame that is only lent.
  public init(_ lent: borrowing LentFrame) {
    self.init(
      number: lent.number, time: lent.time, linkType: lent.linkType,
      originalLength: lent.originalLength, octets: [UInt8](copying: lent.octets),
      comment: lent.comment)
  }

  /// Octets that were kept.
  public var capturedLength: Int { octets.count }
}

/// One frame of a capture file where its reader has it, until that reads on.
public struct LentFrame: ~Escapable {
  /// Its place in the file, from 1.
  public let number: Int
  /// Nanoseconds since 1970-01-01 00:00 UTC; 0 where the file gives no time.
  public let time: Int64
  /// What the first octets are.
  public let linkType: LinkType
  /// Octets that the frame had on its link, which may be more than were kept.
  public let originalLength: Int
  /// The octets that were kept.
  public let octets: Span<UInt8>
  /// The octets of the frame's comment, in pcapng.
  private let remark: Span<UInt8>?

  @_lifetime(copy octets, copy remark)
  init(_ record: FrameRecord, octets: Span<UInt8>, remark: Span<UInt8>?) {
    number = record.number
    time = record.time
    linkType = record.linkType
    originalLength = record.originalLength
    self.octets = octets
    self.remark = remark
  }

  /// The frame's comment, in pcapng.
  public var comment: String? {
    guard let remark else { return nil }
    return unsafe remark.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
  }
}

/// What a file says of one frame, and where in its reader's window the rest is.
struct FrameRecord {
  var number: Int
  var time: Int64
  var linkType: LinkType
  var originalLength: Int
  var octets: Range<Int>
  var comment: Range<Int>?
  /// Octets of the window that are done with when the next frame is wanted.
  var length: Int
}
