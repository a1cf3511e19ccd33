import DequeModule
import Frames
import Logging
public import Octets
public import Stack
import TCPCore
import Wire

/// Serves the connections of a listener on the loop's own thread, without tasks.
///
/// The low-level way: one object for all connections of a listener, called whenever one of them is
/// ready. Nothing in it may block. The small services are made so.
public protocol ConnectionHandler: AnyObject, Sendable {
  /// A connection was accepted, or something happened at it.
  func connectionReady(
    _ socket: SocketID, _ readiness: Readiness, stack: inout Stack, at now: Instant)
}

/// A stack, its device, and the tasks that wait for its sockets; touched on the loop's thread only.
@safe
class HostCore: EventLoop.Driver, @unchecked Sendable {
  // `@unchecked`: whoever touches it is on the loop's thread: the loop, or the actor whose executor
  // the loop is.
  //
  // Nothing is lent twice at once: everything here runs to its end on one thread, and what the stack
  // is lent to, a handler or a closure of ours, has no other way to it.
  private let lentStack: Lent<Stack>
  private let lentOwners = Lent(SocketOwners())
  private let clock = Lent(Instant.start)
  private let fullQueues = Lent(BurstWatch())
  private var lastWait: UInt64 = 0
  private let began = steadyNanoseconds()

  let logger: Logger

  init(_ stack: consuming Stack, _ logger: Logger) {
    self.logger = logger
    lentStack = Lent(stack)
    (deviceFailures, failed) = AsyncStream.makeStream(bufferingPolicy: .bufferingOldest(1))
  }

  /// The stack.
  final var stack: Stack {
    unsafeAddress { unsafe UnsafePointer(lentStack.address) }
    unsafeMutableAddress { unsafe lentStack.address }
  }

  private var owners: SocketOwners {
    unsafeAddress { unsafe UnsafePointer(lentOwners.address) }
    unsafeMutableAddress { unsafe lentOwners.address }
  }

  var descriptor: Int32 { -1 }

  /// Why the device is of no more use, at most one reason; it ends with the loop.
  let deviceFailures: AsyncStream<FrameError>
  private let failed: AsyncStream<FrameError>.Continuation
  private(set) var hasDeviceFailed = false

  /// The device cannot be used any more.
  func deviceFailed(_ reason: FrameError) {
    hasDeviceFailed = true
    // Not an error of the log's: whoever hears `deviceFailures` has it to tell, and says it once.
    logger.notice("device failed", metadata: ["reason": "\(reason)"])
    failed.yield(reason)
    failed.finish()
  }

  /// Takes in frames and passed deadlines; how many frames there were.
  func receive(isReadable: Bool) -> Int { 0 }

  /// Hands the device what the stack has to send.
  func transmit() {}

  /// The time of the present turn.
  final var time: Instant { clock.value }

  /// Reads the clock.
  func readClock() -> Instant {
    let now = Instant(nanoseconds: steadyNanoseconds() &- began)
    clock.value = now
    return now
  }

  func finishTurn() {
    dispatch()
    transmit()
    watchAcceptQueues()
  }

  /// A queue that stays full looks like a lossy network to the clients: here it has a name.
  private func watchAcceptQueues() {
    let dropped = stack.counters.stack.count(.dropAcceptQueueFull)
    guard fullQueues.value.begins(dropped, at: time) else { return }
    logger.warning(
      "a listener's queue is full: connections are dropped until it accepts",
      metadata: ["dropped": "\(dropped)"])
  }

  /// Tells tasks and handlers what happened.
  func dispatch() {
    while let event = stack.nextEvent() {
      if let handler = owners.handler(of: event.socket) {
        if event.readiness.contains(.acceptable) {
          acceptAll(event.socket, handler)
        } else {
          handler.connectionReady(event.socket, event.readiness, stack: &stack, at: time)
          // One that was closed may live on for a while, but nothing more is told of it.
          if !stack.isHeld(event.socket) { _ = owners.remove(event.socket) }
        }
      } else {
        owners[event.socket]?.waiters?.wake(event.readiness)
      }
    }
  }

  private func acceptAll(_ listener: SocketID, _ handler: any ConnectionHandler) {
    while let socket = try? stack.accept(listener) {
      adopt(socket, handler: handler)
      handler.connectionReady(socket, [.connected, .readable, .writable], stack: &stack, at: time)
      if !stack.isHeld(socket) { _ = owners.remove(socket) }
    }
  }

  /// After what time output that is left over is tried again.
  private static var retryNanoseconds: Int64 { 200_000 }

  func nanosecondsToDeadline() -> Int64? {
    // The device was full, or the last events made output: no frame will say when to go on.
    let retry: Int64? = stack.hasOutput ? Self.retryNanoseconds : nil
    guard let deadline = stack.nextDeadline else { return retry }
    let left = max(0, deadline.nanoseconds(since: readClock()))
    return min(left, retry ?? left)
  }

  /// Nothing will be received or sent any more.
  private var hasEnded = false

  func loopEnded() {
    hasEnded = true
    failed.finish()
    for waiters in owners.removeAll() { waiters.fail(SocketError.hostStopped) }
    logger.info("host stopped")
  }

  // MARK: Waiting

  func adopt(_ socket: SocketID, handler: (any ConnectionHandler)? = nil) {
    owners.adopt(socket, handler: handler)
  }

  func forget(_ socket: SocketID) { owners.remove(socket)?.fail(SocketError.noSuchSocket) }

  /// A number for one waiting, by which it can be cancelled.
  func newWait() -> UInt64 {
    lastWait &+= 1
    return lastWait
  }

  /// Puts a waiting task in its place.
  func register(_ waiting: Waiters.Waiting, _ kind: WaitKind, _ socket: SocketID) {
    guard !hasEnded else {
      return unsafe waiting.continuation.resume(throwing: SocketError.hostStopped)
    }
    guard let waiters = owners.waiters(of: socket) else {
      return unsafe waiting.continuation.resume(throwing: SocketError.noSuchSocket)
    }
    waiters.add(waiting, kind)
  }

  /// The waiting task was cancelled.
  func cancel(_ number: UInt64, _ kind: WaitKind, _ socket: SocketID) {
    owners[socket]?.waiters?.cancel(number, kind)
  }
}

/// A core with its device.
@safe
final class DeviceCore<Device: FrameDevice & ~Copyable>: HostCore, @unchecked Sendable {
  // `@unchecked`: as its superclass.
  private let device: Lent<Device>
  private let batch = Lent(BatchSize())
  private let interface: InterfaceID
  /// The device wants to be told why, and the stack can tell.
  private let explains: Bool

  init(
    _ device: consuming Device, _ configuration: InterfaceConfiguration, _ stack: consuming Stack,
    _ logger: Logger
  ) {
    var stack = stack
    explains = stack.configuration.explains && device.asksWhy
    self.device = Lent(device)
    interface = stack.addInterface(configuration)
    super.init(stack, logger)
  }

  override var descriptor: Int32 { device.value.descriptor }

  override func receive(isReadable: Bool) -> Int {
    let now = readClock()
    var frames = 0
    if isReadable, !hasDeviceFailed {
      let interface = interface
      var decisions: [[RuleExplanation]] = []
      do throws(FrameError) {
        frames = try device.value.receive(upTo: batch.value.count) { octets, facts in
          stack.frameArrived(octets, offload: facts, on: interface, at: now)
          if explains { decisions.append(stack.takeExplanations()) }
        }
        if explains { device.value.explainReceived(decisions) }
        if frames > 0 { batch.value.adapt(to: frames) }
      } catch {
        deviceFailed(error)
      }
    }
    if let deadline = stack.nextDeadline, deadline <= now { stack.deadlinePassed(at: now) }
    if explains { explainOthers() }
    dispatch()
    return frames
  }

  /// The device hears of each sent frame when it takes it; what is left is of timers and delays.
  private func explainOthers() {
    let decisions = stack.takeExplanations().filter { $0.effect != .sends }
    if !decisions.isEmpty { device.value.explainOthers(decisions) }
  }

  /// Sends whatever no other route fits to a gateway.
  func addDefaultRoute(via gateway: IPv4Address) {
    stack.addRoute(IPv4Prefix(.any, length: 0), via: gateway, on: interface)
  }

  override func transmit() {
    stack.transmit(on: interface, into: &device.value, at: time)
    if explains { explainOthers() }
    // What the loopback carried may have made something happen.
    dispatch()
  }
}
