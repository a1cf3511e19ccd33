import Octets
import Stack
import TCPCore
import Wire

/// Our stack in the place of one end of a captured connection, in virtual time.
///
/// The clock is the capture's. What the peer sent arrives when it arrived at the captured end (see
/// ``Arrivals``), what that end's user did is done when it was done (see ``CapturedUser``), and
/// between the two our stack's own timers run. Numbers are mapped both ways: the peer's are its own; those
/// by which it speaks of the captured end's octets and clock are shifted to ours.
///
/// The peer answers the captured end and not us, so it may speak of what we have not sent:
/// 1. An acknowledgment of more than we have sent is given as far as we have; the rest follows when we
///    have sent that, as long after as the peer took for the captured end's.
/// 2. Octets that the captured end has acknowledged and we have not got are supplied then.
struct StandIn: ~Copyable {
  /// Nanoseconds on our clock at the connection's first frame.
  private static let origin: Int64 = 1_000_000_000
  /// Nanoseconds after the last frame in which we may still send what the captured end has sent.
  private static let grace: Int64 = 1_000_000_000
  /// Octets that are supplied at most.
  private static let mostSupplied = 64 << 20

  private let connection: CapturedConnection
  private let role: EndpointRole
  private let arrivals: Arrivals
  private let user: CapturedUser
  private let settings: Settings
  private var stack: Stack
  private let interface: InterfaceID
  private let ourPort: Port
  private let peerPort: Port
  private let mostSent: Int
  /// The numbers behind the last that the captured end and the peer have sent, and that of the peer's FIN.
  private let ourMost: Int
  private let peerMost: Int
  private let peerFinish: Int?

  private var now: Int64 = 0
  private var listener: SocketID?
  private var socket: SocketID?
  /// Our numbers, as last seen: the connection may be gone since.
  private var numbers: TCPNumbers?
  private var result = Run()
  /// Places of the peer's frames that have not been given yet, in order.
  private var nextPlace = 0
  private var unwritten = 0
  private var announcesMore = false
  private var finish: Bool?
  private var readLimit: Int? = 1
  private var hasRead = 1
  private var hasReset = false
  /// The latest frame of the peer that was given.
  private var latest: CapturedSegment?
  /// Acknowledgments of what we have not sent: the number, and how long the peer took for it.
  private var owed: [(number: Int, after: Int64)] = []
  /// What routers will say, in order.
  private var errors: ArraySlice<CapturedError>
  /// Acknowledgments that are on their way.
  private var due: [(number: Int, at: Int64)] = []
  private var stamps: StampTable

  init(
    _ connection: CapturedConnection, role: EndpointRole, settings: Settings, user: CapturedUser,
    arrivals: Arrivals
  ) {
    self.connection = connection
    self.role = role
    self.settings = settings
    self.user = user
    self.arrivals = arrivals
    stamps = StampTable(connection, role)
    errors = connection.errors(for: role)[...]
    let highest = connection.highest
    ourMost = highest[role] ?? 0
    peerMost = highest[role.other] ?? 0
    peerFinish = connection.finish[role.other]
    var configuration = StackConfiguration()
    configuration.explains = true
    configuration.tcp = settings.tcp
    // A seed: the same capture gives the same report, always.
    stack = Stack(configuration: configuration, random: .seeded(9293))
    interface = stack.addInterface(
      InterfaceConfiguration(
        name: "capture", mtu: settings.mtu, addresses: [IPv4Prefix(PeerFrame.ours, length: 24)]))
    let own = role == .client ? connection.client.port : connection.server.port
    let others = role == .client ? connection.server.port : connection.client.port
    ourPort = own.rawValue == 0 ? 1 : own
    peerPort = others.rawValue == 0 ? 1 : others
    mostSent = 1000 + 4 * connection.segments.count
    if settings.listens {
      var options = ListenOptions()
      options.tcp = settings.tcp
      options.fastOpenQueue = settings.usesFastOpen ? 1 : 0
      listener = try? stack.listen(at: SocketAddress(PeerFrame.ours, ourPort), options: options)
    }
  }

  private var instant: Instant { Instant(nanoseconds: Self.origin + now) }

  /// Plays the capture to its end.
  consuming func run() -> Run {
    let end = connection.segments.last?.segment.time ?? 0
    for entry in user.entries {
      pass(until: entry.time)
      follow(entry)
      if isOver { break }
    }
    pass(until: max(end, arrivals.times.max() ?? 0) &+ Self.grace)
    return result
  }

  private var isOver: Bool { result.isCutShort }

  // MARK: Time

  private enum Event {
    case nothing, deadline, frame, answer, error
  }

  private func arrival(_ place: Int) -> Int64 { arrivals.times[place] }

  /// Lets time pass: frames arrive, deadlines pass, until it is `time`.
  private mutating func pass(until time: Int64) {
    while !isOver {
      skipOthers()
      var (next, event) = (time, Event.nothing)
      if nextPlace < connection.segments.count, arrival(nextPlace) <= next {
        (next, event) = (arrival(nextPlace), .frame)
      }
      if let first = due.first, first.at < next { (next, event) = (first.at, .answer) }
      if let first = errors.first, first.time &+ arrivals.distance < next {
        (next, event) = (first.time &+ arrivals.distance, .error)
      }
      if let deadline = stack.nextDeadline {
        let at = deadline.nanoseconds - Self.origin
        if at < next || at == next && event == .nothing { (next, event) = (at, .deadline) }
      }
      now = max(now, next)
      switch event {
      case .nothing: return
      case .deadline: stack.deadlinePassed(at: instant)
      case .frame:
        give(nextPlace)
        nextPlace += 1
      case .answer: answer(due.removeFirst().number)
      case .error: tell(errors.removeFirst())
      }
      settle()
    }
  }

  /// A router says something of what the captured end has sent.
  private mutating func tell(_ error: CapturedError) {
    let packet = error.packet(shift: shift, ourPort: ourPort, peerPort: peerPort)
    stack.frameArrived(packet.span, on: interface, at: instant)
  }

  /// Frames of the captured end, and those that never arrived, are not given.
  private mutating func skipOthers() {
    while nextPlace < connection.segments.count,
      connection.segments[nextPlace].sender == role || arrivals.lost.contains(nextPlace)
    {
      nextPlace += 1
    }
  }

  // MARK: The user

  private mutating func follow(_ entry: CapturedUser.Entry) {
    switch entry.act {
    case .open: open()
    case .write(let count, let announcesMore):
      unwritten += count
      self.announcesMore = announcesMore
      // With a FIN that rides on it, both are there before anything is sent.
      if user.hasFinish(with: entry) { return }
    case .finish(let leaves): finish = leaves
    case .abort:
      if !hasReset, let socket { stack.abort(socket, at: instant) }
    case .read(let limit): readLimit = limit
    case .makeRoom(let octets):
      // Before it is accepted only the stack knows the connection.
      guard let target = socket ?? stack.connectionSummaries.first?.socket
      else { break }
      try? stack.configure(target, at: instant) { $0.receiveBufferLimit = max(octets, 2048) }
    case .acknowledged(let number):
      giveAcknowledged(number, before: entry.place)
      supply(upTo: number)
    }
    _ = serve()
    settle()
  }

  private mutating func open() {
    let remote = SocketAddress(PeerFrame.peers, peerPort)
    let first = connection.syn(of: role)?.segment
    let use: FastOpenUse? =
      settings.usesFastOpen ? ((first?.payload ?? 0) > 0 ? .whenWritten : .withData) : nil
    if let option = first?.options.fastOpen, option.cookie.count > 0 {
      // It knew the server from an earlier connection.
      let size = connection.syn(of: role.other)?.segment.options.maximumSegmentSize
      stack.rememberCookie(
        option, of: PeerFrame.peers, maximumSegmentSize: Int(size ?? 536), at: instant)
    } else if (first?.payload ?? 0) > 0 {
      stack.fastOpen.sendsWithoutCookie = true
    }
    socket = try? stack.connect(
      to: remote, from: SocketAddress(PeerFrame.ours, ourPort), configuration: settings.tcp,
      fastOpen: use, at: instant)
  }

  /// The user accepts, reads and writes what it can; whether it did anything.
  private mutating func serve() -> Bool {
    while stack.nextEvent() != nil {}
    if socket == nil, let listener { socket = (try? stack.accept(listener)) ?? nil }
    guard let socket else { return false }
    let moment = instant
    var isMoved = false
    while stack.receivable(socket) > 0 {
      let most = readLimit.map { max(0, $0 - hasRead) } ?? .max
      guard most > 0 else { break }
      let count = try? stack.receive(socket, at: moment) { octets in
        (min(octets.count, most), min(octets.count, most))
      }
      guard let count, count > 0 else { break }
      hasRead += count
      isMoved = true
    }
    while unwritten > 0 {
      let octets = [UInt8](repeating: 0x2E, count: min(unwritten, 65_536))
      guard let count = try? stack.send(socket, octets.span, at: moment), count > 0 else { break }
      unwritten -= count
      isMoved = true
      if announcesMore, unwritten == 0 { stack.mark(socket, .moreFollows, at: moment) }
    }
    if let leaves = finish, unwritten == 0, stack.state(socket) != .synSent {
      finish = nil
      isMoved = true
      if leaves { stack.close(socket, at: moment) } else { stack.closeSending(socket, at: moment) }
    }
    return isMoved
  }

  // MARK: What is sent

  /// Everything that can be sent is sent, everything that can be read is read.
  private mutating func settle() {
    for _ in 0..<10_000 {
      let before = result.sent.count
      transmit()
      let isMoved = serve()
      keepDecisions()
      if result.sent.count == before, !isMoved { return }
    }
  }

  private mutating func transmit() {
    if let summary = stack.connectionSummaries.first { numbers = summary.numbers }
    var sink = CollectingSink()
    stack.transmit(on: interface, into: &sink, at: instant)
    if let summary = stack.connectionSummaries.first { numbers = summary.numbers }
    for frame in sink.frames { keep(frame.octets, frame.explanation) }
    while let first = owed.first, let sent = ourNext, sent >= first.number {
      due.append((first.number, now &+ max(first.after, 0)))
      owed.removeFirst()
    }
  }

  /// SND.NXT, counted from our initial number.
  private var ourNext: Int? {
    numbers.map { $0.initialSend.distance(to: $0.sendNext) }
  }

  private mutating func keep(_ octets: [UInt8], _ rule: RuleExplanation?) {
    guard result.sent.count < mostSent else { return result.isCutShort = true }
    guard let packet = try? IPv4PacketView(parsing: octets.span),
      packet.transport == .tcp, let view = try? TCPSegmentView(parsing: packet.payload)
    else { return }
    let peerInitial = connection.initial[role.other] ?? 0
    let ourInitial = numbers?.initialSend.rawValue ?? 0
    let count = { (number: SequenceNumber, initial: UInt32, near: Int) -> Int in
      let place = initial &+ UInt32(truncatingIfNeeded: near)
      return near + Int(Int32(bitPattern: number.rawValue &- place))
    }
    let options = TCPOptions(parsing: view.options)
    // What answers a segment without ACK has the number 0, whatever ours would be.
    let isStray = view.flags.contains(.rst) && view.sequence.rawValue == 0
    var segment = Segment(
      time: now, flags: view.flags,
      sequence: isStray ? 0 : count(view.sequence, ourInitial, ourNext ?? 0),
      payload: view.payload.count, window: Int(view.window), options: options,
      codepoint: packet.ecn, rule: rule)
    let heard = latest.map { $0.end } ?? 0
    if view.flags.contains(.ack) {
      segment.acknowledgment = count(view.acknowledgment, peerInitial, heard)
    }
    for index in 0..<options.sackBlocks.count {
      let block = options.sackBlocks[index]
      let left = count(block.left, peerInitial, heard)
      let right = count(block.right, peerInitial, heard)
      if left < right { segment.blocks.append(left..<right) }
    }
    if !view.flags.contains(.syn), let shift = ourShift { segment.window <<= Int(shift) }
    if view.flags.contains(.rst) { hasReset = true }
    stamps.sent(segment)
    result.sent.append(segment)
  }

  /// The shift of our windows, once both ends have agreed on it.
  private var ourShift: UInt8? {
    guard settings.tcp.usesWindowScaling,
      connection.syn(of: role.other)?.segment.options.windowScale != nil
    else { return nil }
    return TCPConnection.windowScale(settings.tcp)
  }

  private mutating func keepDecisions() {
    for explanation in stack.takeExplanations() {
      switch explanation.effect {
      case .delays, .drops, .notes:
        guard result.decisions.count < mostSent else { return }
        result.decisions.append(Decision(time: now, explanation: explanation))
      case .accepts, .sends: continue
      }
    }
  }

  // MARK: What arrives

  /// What our numbers are more than the captured end's.
  private var shift: UInt32 {
    guard let ours = numbers?.initialSend.rawValue, let theirs = connection.initial[role] else {
      return 0
    }
    return ours &- theirs
  }

  private mutating func give(_ place: Int) {
    let captured = connection.segments[place]
    latest = captured
    var number = captured.acknowledgment &+ shift
    if let wanted = captured.segment.acknowledgment, let sent = ourNext, wanted > sent,
      !captured.segment.flags.contains(.rst), wanted <= ourMost
    {
      result.clipped += 1
      number = (numbers?.sendNext ?? SequenceNumber(0)).rawValue
      owe(wanted, captured.segment.time &+ arrivals.distance)
    }
    var offset = 0
    let whole = captured.segment.payload
    repeat {
      let count = min(whole - offset, PeerFrame.longest)
      var flags = captured.segment.flags
      if offset > 0 { flags.remove(.syn) }
      if offset + count < whole { flags.subtract([.fin, .psh]) }
      let begin =
        offset > 0 && captured.segment.flags.contains(.syn) ? offset + 1 : offset
      arrive(
        PeerFrame(
          captured: captured, sequence: captured.sequence &+ UInt32(truncatingIfNeeded: begin),
          acknowledgment: number, shift: shift,
          echo: captured.segment.options.timestamps.map { echo($0.echo) }, flags: flags,
          payload: count, ourPort: ourPort, peerPort: peerPort))
      offset += count
    } while offset < whole
  }

  private func echo(_ captured: UInt32) -> UInt32 {
    stamps.ours(for: captured, at: now)
  }

  private mutating func arrive(_ frame: PeerFrame) {
    var facts = OffloadFacts.none
    // What a device has put together counts as the segments that it came in.
    let largest = settings.mtu - 40
    if frame.payload > largest { facts.segmentSize = UInt16(clamping: largest) }
    stack.frameArrived(frame.packet().span, offload: facts, on: interface, at: instant)
  }

  /// The peer has acknowledged what we have not sent.
  private mutating func owe(_ number: Int, _ time: Int64) {
    if let last = owed.last, last.number >= number { return }
    owed.append((number, time &- (stamps.firstSent(before: number) ?? time)))
  }

  /// What the peer has acknowledged long ago, and we have sent by now.
  private mutating func answer(_ number: Int) {
    guard let latest, let initial = numbers?.initialSend, let sent = ourNext, sent >= number else {
      return
    }
    arrive(
      PeerFrame(
        captured: latest,
        sequence: latest.sequence
          &+ UInt32(truncatingIfNeeded: latest.end - latest.segment.sequence),
        acknowledgment: (initial + number).rawValue, shift: shift,
        echo: latest.segment.options.timestamps.map { echo($0.echo) }, flags: .ack, payload: 0,
        ourPort: ourPort, peerPort: peerPort))
  }

  /// What the captured end has acknowledged had arrived there, however late the way seems.
  private mutating func giveAcknowledged(_ number: Int, before place: Int) {
    skipOthers()
    while nextPlace < min(place, connection.segments.count),
      connection.segments[nextPlace].segment.hasText,
      connection.segments[nextPlace].end <= number
    {
      give(nextPlace)
      nextPlace += 1
      settle()
      skipOthers()
    }
  }

  /// The captured end has acknowledged octets that we have not: they were not captured, or taken for lost.
  private mutating func supply(upTo number: Int) {
    guard let latest, let info = socket.flatMap({ stack.info($0) }),
      info.state.isSynchronized, let own = numbers, let initial = connection.initial[role.other]
    else { return }
    var next = SequenceNumber(initial).distance(to: own.receiveNext)
    // A number beyond all that the peer has ever sent is a mistake of the captured end.
    guard next >= 1, next < number, number <= peerMost, result.supplied < Self.mostSupplied else {
      return
    }
    let piece = number - next > PeerFrame.longest ? PeerFrame.longest : settings.mtu - 40
    let end = peerFinish.map { min(number, $0) } ?? number
    while next < number {
      let count = min(end - next, PeerFrame.longest, piece)
      let isFinal = next + count == end && number > end
      result.supplied += max(count, 0)
      arrive(
        PeerFrame(
          captured: latest, sequence: initial &+ UInt32(truncatingIfNeeded: next),
          acknowledgment: own.unacknowledged.rawValue, shift: shift,
          echo: latest.segment.options.timestamps.map { echo($0.echo) },
          flags: isFinal ? [.ack, .fin] : .ack, payload: max(count, 0), ourPort: ourPort,
          peerPort: peerPort))
      settle()
      let reached = SequenceNumber(initial).distance(to: numbers?.receiveNext ?? own.receiveNext)
      guard reached > next else { return }
      next = reached
    }
  }
}
