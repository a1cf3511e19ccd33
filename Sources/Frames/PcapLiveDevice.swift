import CPcap
import Glibc
public import Octets
public import Wire

/// An interface read and written through libpcap, beside the kernel's own stack.
///
/// Needs CAP_NET_RAW. Not copyable: the handle is closed once, by the one who holds it alone, which
/// is why it may move from one thread to another.
///
/// It sees frames of both directions, those that the kernel sends there too. A kernel that leaves
/// checksums to its device hands them over unfinished, and libpcap does not tell: between two ends of
/// one machine, such as a veth pair, a stack behind this device drops them until the sending end has
/// `ethtool -K NAME tx off`.
@safe
public struct PcapLiveDevice: FrameDevice, ~Copyable, @unchecked Sendable {
  private let handle: OpaquePointer
  private var scratch: [UInt8] = []
  /// The interface's name.
  public let name: String
  /// What the first octets of its frames are.
  public let link: LinkType
  /// A descriptor to wait on for reading.
  public let descriptor: Int32
  private var counted = DeviceCounters()

  /// The longest frame there can be: what the kernel joins of several segments, and its link header.
  private static let longestFrame: Int32 = 65_536 + 64
  /// The kernel's ring, where libpcap may give every frame the room of the longest: some 250 of them.
  private static let ringSize: Int32 = 16 << 20

  /// Opens an interface for capture and injection.
  ///
  /// - Parameters:
  ///   - filter: a pcap-filter(7) expression; only frames that match it are received.
  ///   - isPromiscuous: whether to see frames for other stations too.
  public init(
    interface name: String, filter: String? = nil, isPromiscuous: Bool = false
  ) throws(FrameError) {
    var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
    guard let handle = unsafe pcap_create(name, &message) else {
      throw .capture(device: name, reason: sentence(message))
    }
    unsafe pcap_set_snaplen(handle, Self.longestFrame)
    unsafe pcap_set_buffer_size(handle, Self.ringSize)
    unsafe pcap_set_promisc(handle, isPromiscuous ? 1 : 0)
    unsafe pcap_set_immediate_mode(handle, 1)
    let failure = unsafe Self.start(handle, name, filter)
    if let failure {
      unsafe pcap_close(handle)
      throw failure
    }
    unsafe self.handle = handle
    self.name = name
    link = unsafe linkType(ofLibrary: pcap_datalink(handle))
    descriptor = unsafe pcap_get_selectable_fd(handle)
  }

  deinit { unsafe pcap_close(handle) }

  private static func start(_ handle: OpaquePointer, _ name: String, _ filter: String?)
    -> FrameError?
  {
    switch unsafe pcap_activate(handle) {
    case PCAP_ERROR_PERM_DENIED:
      return .notPermitted(device: name, capability: "CAP_NET_RAW")
    case PCAP_ERROR_NO_SUCH_DEVICE: return .noSuchInterface(name)
    case let code where code < 0: return unsafe .capture(device: name, reason: reason(handle))
    default: break
    }
    var message = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
    guard unsafe pcap_setnonblock(handle, 1, &message) == 0 else {
      return .capture(device: name, reason: sentence(message))
    }
    guard let filter else { return nil }
    var program = unsafe bpf_program()
    guard unsafe pcap_compile(handle, &program, filter, 1, 0xFFFF_FFFF) == 0 else {
      return unsafe .filter(expression: filter, reason: reason(handle))
    }
    defer { unsafe pcap_freecode(&program) }
    guard unsafe pcap_setfilter(handle, &program) == 0 else {
      return unsafe .capture(device: name, reason: reason(handle))
    }
    return nil
  }

  private static func reason(_ handle: OpaquePointer) -> String {
    guard let text = unsafe pcap_geterr(handle) else { return "no reason given" }
    return unsafe String(cString: text)
  }

  /// What happened so far.
  public var counters: DeviceCounters {
    var counters = counted
    var library = pcap_stat()
    if unsafe pcap_stats(handle, &library) == 0 { counters.missed = UInt64(library.ps_drop) }
    return counters
  }

  /// Frames go out as they are.
  public var offload: OffloadCapabilities { .none }

  /// Lends `body` the frames that wait, at most `limit` of them.
  public mutating func receive(
    upTo limit: Int, into body: (Span<UInt8>, OffloadFacts) -> Void
  ) throws(FrameError) -> Int {
    var frames = 0
    while frames < limit {
      var header: UnsafeMutablePointer<pcap_pkthdr>?
      var octets: UnsafePointer<UInt8>?
      let result = unsafe pcap_next_ex(handle, &header, &octets)
      guard result != 0 else { break }
      guard result > 0, let header = unsafe header, let octets = unsafe octets else {
        if frames > 0 { break }
        throw unsafe .capture(device: name, reason: Self.reason(handle))
      }
      frames &+= 1
      guard unsafe header.pointee.caplen == header.pointee.len else {
        counted.receiveErrors &+= 1
        continue
      }
      counted.received &+= 1
      body(unsafe Span(_unsafeStart: octets, count: Int(header.pointee.caplen)), .none)
    }
    return frames
  }

  /// Injects one frame, copied together once; false when the interface's queue is full.
  public mutating func transmit(
    _ header: Span<UInt8>, _ payload: Span<UInt8>, _ tail: Span<UInt8>, offload: OffloadFacts
  ) -> Bool {
    scratch.removeAll(keepingCapacity: true)
    unsafe header.withUnsafeBufferPointer { unsafe scratch.append(contentsOf: $0) }
    unsafe payload.withUnsafeBufferPointer { unsafe scratch.append(contentsOf: $0) }
    unsafe tail.withUnsafeBufferPointer { unsafe scratch.append(contentsOf: $0) }
    let count = scratch.count
    if unsafe pcap_inject(handle, scratch, count) >= 0 {
      counted.transmitted &+= 1
      return true
    }
    let error = errno
    if error == EAGAIN || error == ENOBUFS {
      counted.refused &+= 1
      return false
    }
    counted.transmitErrors &+= 1
    counted.lastError = error
    return true
  }
}

/// libpcap's own number for a link type: on Linux it differs from that in files for raw IP alone.
private func libraryNumber(of link: LinkType) -> Int32 {
  link == .rawIP ? DLT_RAW : Int32(link.rawValue)
}

/// The link type for libpcap's own number.
private func linkType(ofLibrary number: Int32) -> LinkType {
  number == DLT_RAW ? .rawIP : LinkType(rawValue: UInt16(truncatingIfNeeded: number))
}

/// libpcap's message buffer as text.
private func sentence(_ message: [CChar]) -> String {
  String(
    decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
}

/// A pcap-filter(7) expression, compiled to be put to frames of a file.
@safe
public struct CaptureFilter: ~Copyable, @unchecked Sendable {
  private var program = unsafe bpf_program()

  /// Compiles an expression for frames of a link type.
  public init(_ expression: String, link: LinkType) throws(FrameError) {
    guard let handle = unsafe pcap_open_dead(libraryNumber(of: link), 262_144) else {
      throw .filter(expression: expression, reason: "libpcap has no memory")
    }
    defer { unsafe pcap_close(handle) }
    var compiled = unsafe bpf_program()
    guard unsafe pcap_compile(handle, &compiled, expression, 1, 0xFFFF_FFFF) == 0 else {
      let text = unsafe pcap_geterr(handle)
      let reason = unsafe text.map { unsafe String(cString: $0) } ?? "no reason given"
      throw .filter(expression: expression, reason: reason)
    }
    unsafe program = compiled
  }

  deinit {
    var program = unsafe program
    unsafe pcap_freecode(&program)
  }

  /// Whether the expression holds for a frame.
  public func matches(_ octets: Span<UInt8>, originalLength: Int? = nil) -> Bool {
    var header = pcap_pkthdr()
    header.caplen = UInt32(truncatingIfNeeded: octets.count)
    header.len = UInt32(truncatingIfNeeded: originalLength ?? octets.count)
    var program = unsafe program
    return unsafe octets.withUnsafeBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return false }
      return unsafe pcap_offline_filter(&program, &header, base) != 0
    }
  }
}
