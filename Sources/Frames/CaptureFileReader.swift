import Glibc
import Wire

// Why a reader of our own and not libpcap's: a damaged file gives every frame before the damage and
// then says at which frame it broke; pcapng keeps its comments, interfaces and nanoseconds; and
// whoever only reads files needs no library beside the toolchain's.

/// Why a capture file cannot be read, or not further.
public enum CaptureError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The file cannot be opened or written.
  case file(path: String, error: Int32)
  /// The file begins with neither format's magic number.
  case unknownFormat
  /// The file ends within a frame; the frames before it were read.
  case truncated(frame: Int)
  /// The file contradicts itself at a frame; the frames before it were read.
  case damaged(frame: Int, reason: String)

  /// A sentence for people.
  public var description: String {
    switch self {
    case .file(let path, let error): "cannot use capture file \(path): \(errorText(error))"
    case .unknownFormat: "not a capture file: it begins like neither pcap nor pcapng"
    case .truncated(let frame):
      "capture is cut off in frame \(frame); \(frame - 1) frames were read"
    case .damaged(let frame, let reason):
      "capture is damaged at frame \(frame): \(reason); \(frame - 1) frames were read"
    }
  }
}

/// Reads capture files frame by frame: pcap of both byte orders and both clocks, and pcapng.
///
/// Memory is bounded by the longest frame that is really in the file.
/// Source: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng.
public struct CaptureFileReader: ~Copyable, Sendable {
  /// The longest block that is believed: damaged lengths beyond it end the reading.
  static let longestBlock = 16 << 20

  private enum Format {
    case pcap(link: LinkType, nanosecondsPerTick: Int64, recordHeader: Int)
    case pcapng
    case ended
  }

  private let path: String
  var source: OctetSource
  private var format = Format.ended
  /// Interfaces of the current pcapng section.
  var interfaces: [CapturedInterface] = []
  /// Octets of the window that are lent.
  private var lentLength = 0
  /// Frames read so far.
  public private(set) var count = 0

  /// Opens a file and reads its first header.
  public init(path: String) throws(CaptureError) {
    try self.init(source: OctetSource(descriptor: Self.descriptor(of: path)), path: path)
  }

  /// Reads octets at hand.
  public init(octets: [UInt8]) throws(CaptureError) {
    try self.init(source: OctetSource(octets: octets), path: "memory")
  }

  private init(source: consuming OctetSource, path: String) throws(CaptureError) {
    var source = source
    do throws(CaptureError) {
      format = try Self.begin(&source)
    } catch {
      throw Self.cause(error, source, path)
    }
    self.source = source
    self.path = path
  }

  private static func descriptor(of path: String) throws(CaptureError) -> Int32 {
    let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .file(path: path, error: errno) }
    var status = stat()
    if unsafe fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFDIR {
      close(descriptor)
      throw .file(path: path, error: EISDIR)
    }
    return descriptor
  }

  /// Every frame of a file, and the damage that ended the reading, if there was any.
  public static func frames(
    path: String
  ) throws(CaptureError) -> (frames: [CapturedFrame], damage: CaptureError?) {
    var reader = try CaptureFileReader(path: path)
    return reader.remaining()
  }

  /// Every frame that is left, and the damage that ended the reading, if there was any.
  public mutating func remaining() -> (frames: [CapturedFrame], damage: CaptureError?) {
    var frames: [CapturedFrame] = []
    do throws(CaptureError) {
      while let frame = try next() { frames.append(frame) }
    } catch {
      return (frames, error)
    }
    return (frames, nil)
  }

  /// The next frame, copied; nil at the end, and ever after an error.
  public mutating func next() throws(CaptureError) -> CapturedFrame? {
    guard let frame = try lend() else { return nil }
    return CapturedFrame(frame)
  }

  /// The next frame, lent until another is asked for; nil at the end, and ever after an error.
  @_lifetime(&self)
  public mutating func lend() throws(CaptureError) -> LentFrame? {
    source.consume(lentLength)
    lentLength = 0
    guard let record = try nextRecord() else { return nil }
    lentLength = record.length
    count = record.number
    guard let comment = record.comment else {
      return LentFrame(record, octets: source.octets(record.octets), remark: nil)
    }
    return LentFrame(
      record, octets: source.octets(record.octets), remark: source.octets(comment))
  }

  private mutating func nextRecord() throws(CaptureError) -> FrameRecord? {
    do throws(CaptureError) {
      let record: FrameRecord?
      switch format {
      case .ended: return nil
      case .pcap(let link, let tick, let header):
        record = try nextRecord(link: link, tick: tick, header: header)
      case .pcapng: record = try nextPacketBlock()
      }
      if let record { return record }
    } catch {
      format = .ended
      throw Self.cause(error, source, path)
    }
    format = .ended
    guard source.failure == 0 else { throw .file(path: path, error: source.failure) }
    return nil
  }

  /// Where the kernel refused to read on, that is the reason and not a file cut short.
  private static func cause(
    _ error: CaptureError, _ source: borrowing OctetSource, _ path: String
  ) -> CaptureError {
    source.failure == 0 ? error : .file(path: path, error: source.failure)
  }

  private static func begin(_ source: inout OctetSource) throws(CaptureError) -> Format {
    guard source.fill(4) else { throw .unknownFormat }
    source.isLittleEndian = true
    let magic = source.uint32(at: 0)
    if magic == 0x0A0D_0D0A {
      return .pcapng
    }
    let known: UInt32
    switch magic {
    case 0xA1B2_C3D4, 0xA1B2_3C4D, 0xA1B2_CD34: known = magic
    case 0xD4C3_B2A1, 0x4D3C_B2A1, 0x34CD_B2A1:
      source.isLittleEndian = false
      known = magic.byteSwapped
    default: throw .unknownFormat
    }
    guard source.fill(24) else { throw .truncated(frame: 1) }
    let link = LinkType(rawValue: source.uint16(at: source.isLittleEndian ? 20 : 22))
    source.consume(24)
    // The third magic is that of Kuznetzov's patched libpcap: eight octets more in each record.
    return .pcap(
      link: link, nanosecondsPerTick: known == 0xA1B2_3C4D ? 1 : 1000,
      recordHeader: known == 0xA1B2_CD34 ? 24 : 16)
  }

  private mutating func nextRecord(
    link: LinkType, tick: Int64, header: Int
  ) throws(CaptureError) -> FrameRecord? {
    let number = count &+ 1
    guard source.fill(header) else {
      if source.available == 0 { return nil }
      throw .truncated(frame: number)
    }
    let seconds = Int64(source.uint32(at: 0))
    let fraction = Int64(source.uint32(at: 4))
    let captured = Int(source.uint32(at: 8))
    let original = Int(source.uint32(at: 12))
    guard captured <= Self.longestBlock else {
      throw .damaged(frame: number, reason: "it says that \(captured) octets were kept")
    }
    guard source.fill(header &+ captured) else { throw .truncated(frame: number) }
    return FrameRecord(
      number: number, time: seconds &* 1_000_000_000 &+ fraction &* tick, linkType: link,
      originalLength: original, octets: header..<(header &+ captured),
      length: header &+ captured)
  }
}
