import DequeModule
import NetworkCore
public import Octets
import TCPCore
public import Wire

/// A whole host as a value: interfaces, routes, ARP, IPv4, ICMP, UDP and TCP, without devices,
/// clocks or threads.
///
/// The driver's loop: hand in frames (``frameArrived(_:offload:on:at:)``), passed deadlines
/// (``deadlinePassed(at:)``) and commands; then call ``transmit(on:into:at:)`` for each interface,
/// take the events (``nextEvent()``), and sleep until ``nextDeadline`` or the next frame.
///
/// Invariants: 1. A connection is in `table` from its first moment until it is CLOSED. 2. Whatever
/// changed a connection calls `touch`, so that its output, its deadline and its events are seen to.
/// 3. Nothing here grows with the traffic: every queue has a bound, and a counter for what it cost.
public struct Stack: ~Copyable {
  /// The bounds and defaults.
  public let configuration: StackConfiguration
  /// Every rule that was followed.
  public internal(set) var counters = StackCounters()

  private let inPlace = InPlace()
  var interfaces = StableArray<Interface>()
  var routes = RouteTable()
  /// Our addresses on all interfaces.
  var addresses: [IPv4Prefix] = []

  var connections = Slab<ConnectionSlot>()
  /// Octets of memory that the connections' buffers hold.
  public internal(set) var bufferMemory = 0
  var table: ConnectionTable
  var deadlines = DeadlineHeap()
  /// Connections in TIME-WAIT, the oldest first; some may be gone already.
  var timeWaits: Deque<SlabHandle> = []
  /// Sockets at which something happened.
  var eventQueue: Deque<SocketID> = []

  var listeners = Slab<Listener>()
  var listenersByPort: [Port: [SlabHandle]] = [:]
  var udpSockets = Slab<UDPSlot>()
  var udpByPort: [Port: [SlabHandle]] = [:]

  var reassembler = IPv4Reassembler()
  var identification: IPv4Identification
  var pathMTUs = PathMTUCache()
  var errorPolicy: ICMPErrorPolicy
  var sequences: InitialSequenceGenerator
  let cookies: SYNCookies
  /// When the last cookie went out; nil when none did.
  var lastCookieAt: Instant?
  var ports: PortSelector
  /// How Fast Open is used; may be changed at any time.
  public var fastOpen = FastOpenSettings()
  var fastOpenCache = FastOpenCache()
  var scratch = HeaderScratch()
  /// The segment on its way from a connection to the sink.
  var outgoing = OutgoingSegment()
  /// The sink of the present ``transmit(on:into:at:)`` has refused a frame.
  var isSinkFull = false

  /// A host without interfaces.
  ///
  /// - Parameter random: where sequence numbers, ports and keys come from; a seed makes a run
  ///   repeatable.
  public init(configuration: StackConfiguration = StackConfiguration(), random: RandomSource) {
    var random = random
    self.configuration = configuration
    table = ConnectionTable(key: random.next())
    identification = IPv4Identification(random: &random)
    errorPolicy = ICMPErrorPolicy(perSecond: configuration.icmpErrorsPerSecond)
    sequences = InitialSequenceGenerator(random: &random)
    cookies = SYNCookies(sequences)
    ports = PortSelector(random: &random)
    fastOpen = configuration.fastOpen
    if fastOpen.keys.isEmpty { fastOpen.keys = [FastOpenKey(random.next(), random.next())] }
    counters.report(configuration.explains)
    let loopback = InterfaceConfiguration(
      name: "loopback", mtu: 65_535, addresses: [IPv4Prefix(IPv4Address(127, 0, 0, 1), length: 8)])
    interfaces.append(Interface(loopback))
  }

  /// Adds an interface; its networks become routes.
  public mutating func addInterface(_ configuration: InterfaceConfiguration) -> InterfaceID {
    let id = InterfaceID(index: interfaces.count)
    interfaces.append(Interface(configuration))
    for prefix in configuration.addresses {
      addresses.append(prefix)
      routes.add(
        Route(prefix: IPv4Prefix(prefix.network, length: prefix.length), interface: id.index))
    }
    return id
  }

  /// Adds a route.
  public mutating func addRoute(_ prefix: IPv4Prefix, via gateway: IPv4Address?, on id: InterfaceID)
  {
    routes.add(Route(prefix: prefix, gateway: gateway, interface: id.index))
  }

  /// When ``deadlinePassed(at:)`` must be called next; nil when nothing is waited for.
  public var nextDeadline: Instant? {
    var first = deadlines.first ?? .distantFuture
    if let deadline = reassembler.nextDeadline { first = min(first, deadline) }
    for index in interfaces.indices {
      if let deadline = interfaces[index].neighbors.nextDeadline { first = min(first, deadline) }
    }
    return first == .distantFuture ? nil : first
  }

  /// A deadline given by ``nextDeadline`` has passed.
  public mutating func deadlinePassed(at now: Instant) {
    while let handle = deadlines.popIfDue(at: now) { connectionDue(handle, at: now) }
    if let deadline = reassembler.nextDeadline, deadline <= now {
      for quote in reassembler.deadlinePassed(at: now) {
        counters.ip.note(.dropReassemblyTimeout)
        // RFC 792: only if fragment zero had come.
        if !quote.isEmpty { sendError(.timeExceeded(code: 1), quoting: quote, at: now) }
      }
    }
    for index in interfaces.indices { neighborsDue(index, at: now) }
  }

  /// The next thing that happened at a socket; nil when the owner knows all.
  public mutating func nextEvent() -> StackEvent? {
    while let socket = eventQueue.popFirst() {
      let readiness = takeReadiness(socket)
      if !readiness.isEmpty { return StackEvent(socket: socket, readiness: readiness) }
    }
    return nil
  }

  /// Whether ``transmit(on:into:at:)`` might have something to do.
  public var hasOutput: Bool {
    for index in interfaces.indices where interfaces[index].hasOutput { return true }
    return false
  }

  /// Connections in any state, those in TIME-WAIT included.
  public var connectionCount: Int { connections.count }

  /// The decisions since the last call, if the stack explains itself; the last one says how many there
  /// were besides, if they were more than are remembered.
  public mutating func takeExplanations() -> [RuleExplanation] {
    let omitted =
      counters.ip.omittedReports + counters.arp.omittedReports + counters.icmp.omittedReports
      + counters.udp.omittedReports + counters.stack.omittedReports + counters.tcp.omittedReports
    let told =
      counters.ip.takeReports().map { RuleExplanation($0.rule) }
      + counters.arp.takeReports().map { RuleExplanation($0.rule) }
      + counters.icmp.takeReports().map { RuleExplanation($0.rule) }
      + counters.udp.takeReports().map { RuleExplanation($0.rule) }
      + counters.stack.takeReports().map { RuleExplanation($0.rule) }
      + counters.tcp.takeReports().map { RuleExplanation($0.rule) }
    return omitted == 0 ? told : told + [RuleExplanation(omitted: omitted)]
  }
}

/// An interface and what waits for it.
struct Interface {
  let configuration: InterfaceConfiguration
  /// Finished frames.
  var queue = FrameQueue()
  var neighbors = NeighborCache()
  /// When we last said that an address of ours is ours.
  var defendedAt: [IPv4Address: Instant] = [:]
  /// Connections that may have something to send on it.
  var output: Deque<SlabHandle> = []

  var hasOutput: Bool { !queue.isEmpty || !output.isEmpty }

  init(_ configuration: InterfaceConfiguration) { self.configuration = configuration }

  /// Our address on it for packets to a neighbour: in the smallest network that has both.
  func source(for neighbor: IPv4Address) -> IPv4Address? {
    let addresses = configuration.addresses
    let near = addresses.lazy.filter { $0.contains(neighbor) }.max { $0.length < $1.length }
    return (near ?? addresses.first)?.address
  }
}

/// A connection with what the stack keeps beside it.
struct ConnectionSlot: ~Copyable {
  var connection: TCPConnection
  /// The listener that has not yet handed it on.
  var listener: SlabHandle?
  /// The interface, and the next hop on it.
  var interface: Int
  var nextHop: IPv4Address
  /// The way that its segments are to take; nil leaves that to the routers.
  var sourceRoute: SourceRoute?
  /// The user has named it: none that comes takes its place.
  var isRouteNamed = false
  /// Its user may still name it.
  var isHeld: Bool
  var isInOutputQueue = false
  var isInEventQueue = false
  /// Segments find it.
  var isListed = true
  /// The listener that counts it among those whose data came before the handshake's end.
  var earlyListener: SlabHandle?
  /// It is among the stack's `timeWaits`.
  var isTimeWait = false
  var readiness: Readiness = []
  /// What of the stack's `bufferMemory` is its own.
  var bufferMemory = 0
  /// The deadline of its entry in the heap.
  var scheduled = Instant.distantFuture

  init(
    _ connection: consuming TCPConnection, listener: SlabHandle?, interface: Int,
    nextHop: IPv4Address, isHeld: Bool
  ) {
    self.connection = connection
    self.listener = listener
    self.interface = interface
    self.nextHop = nextHop
    self.isHeld = isHeld
  }
}

/// A listener and its queues.
struct Listener {
  let local: SocketAddress
  var options: ListenOptions
  var tcp: TCPConfiguration
  var handshakes = 0
  /// Connections whose data was taken and whose handshake has not ended.
  var early = 0
  /// Handshakes under way and when they began, the oldest first; some may be over already.
  var begun: Deque<(handle: SlabHandle, at: Instant)> = []
  var accepted: Deque<SlabHandle> = []
  var isInEventQueue = false
}

/// A UDP socket with what the stack keeps beside it.
struct UDPSlot {
  var state: UDPSocketState
  var isInEventQueue = false
}

/// Room for the headers of one frame.
@safe
struct HeaderScratch: ~Copyable {
  static let size = 160
  private let buffer: UnsafeMutableBufferPointer<UInt8>
  private var count = 0

  init() { unsafe buffer = .allocate(capacity: Self.size) }
  deinit { unsafe buffer.deallocate() }

  /// Writes new headers over the old.
  mutating func fill(
    _ link: EthernetHeader?, _ ip: borrowing IPv4Header, _ tcp: borrowing TCPHeader,
    checksum: UInt16
  ) {
    var output = unsafe OutputSpan(buffer: buffer, initializedCount: 0)
    if let link { link.emit(into: &output) }
    ip.emit(into: &output)
    tcp.emit(into: &output, checksum: checksum)
    count = unsafe output.finalize(for: buffer)
  }

  /// Writes 16 bits into the headers.
  mutating func patch(_ value: UInt16, at offset: Int) {
    precondition(offset &+ 2 <= count, "a header patched behind its end")
    unsafe buffer[offset] = UInt8(truncatingIfNeeded: value >> 8)
    unsafe buffer[offset &+ 1] = UInt8(truncatingIfNeeded: value)
  }

  var octets: Span<UInt8> {
    @_lifetime(borrow self)
    get {
      let span = unsafe Span(
        _unsafeStart: UnsafePointer(buffer.baseAddress.unsafelyUnwrapped), count: count)
      return unsafe _overrideLifetime(span, borrowing: self)
    }
  }
}
