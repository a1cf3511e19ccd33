import CTun
import DequeModule
import Glibc
import Octets
import Synchronization

/// One thread that waits for frames, deadlines and jobs, and an executor for those jobs.
///
/// A turn of the loop: wait; let the driver take in what arrived; run the jobs that this woke; let
/// the driver send. Jobs enqueued on the loop's own thread cost no lock and no system call; from
/// another thread they cost a lock, and one write to an eventfd only if the loop is about to sleep.
///
/// Invariants: 1. `local` and `isStopping` are touched on the loop's thread only. 2. `isAwake` is false only between
/// the last look at `Shared.jobs` and the return of the wait, and both are under the lock: so no
/// wake-up is lost. 3. After ``stop()`` the driver
/// has no more turns, but jobs still run: a task that waits for an actor of the loop is never left
/// hanging.
final class EventLoop: SerialExecutor, @unchecked Sendable {
  // `@unchecked`: `shared` is under its lock, the rest is touched on the loop's thread only, which
  // `start` begins after everything is set.

  /// What the loop drives.
  protocol Driver: AnyObject {
    /// A descriptor to wait on, or negative.
    var descriptor: Int32 { get }
    /// Whether the descriptor is of no more use: it would end every wait at once.
    var hasDeviceFailed: Bool { get }
    /// Takes in frames and passed deadlines; `isReadable` says whether the descriptor may have frames.
    ///
    /// - Returns: the number of frames.
    func receive(isReadable: Bool) -> Int
    /// When the present turn began, on the driver's own clock.
    var time: Instant { get }
    /// Sees to events and output.
    func finishTurn()
    /// When it wants a turn, at the latest: nanoseconds from now, or nil.
    func nanosecondsToDeadline() -> Int64?
    /// The loop has ended.
    func loopEnded()
  }

  private enum Work {
    case job(UnownedJob)
    case closure(@Sendable () -> Void)
  }

  private struct Shared {
    var jobs: Deque<Work> = []
    var isAwake = true
    var isStopping = false
  }

  private let shared = Mutex(Shared())
  /// Whether `shared` holds what the loop has not seen: asked each turn, without the lock.
  private let hasNews = Atomic<Bool>(false)
  private let lentLocal = Lent(Deque<Work>())
  private let poller: Int32
  private let wakeUp: WakeUp
  private var thread = pthread_t()
  private var driver: (any Driver)?
  private var isStopping = false
  private let hasStarted = Atomic<Bool>(false)

  /// Jobs that this thread has taken, or enqueued itself.
  private var local: Deque<Work> {
    unsafeAddress { unsafe UnsafePointer(lentLocal.address) }
    unsafeMutableAddress { unsafe lentLocal.address }
  }

  init() {
    poller = postroad_poller_create()
    wakeUp = WakeUp()
    precondition(poller >= 0 && wakeUp.descriptor >= 0, "no descriptors are left for an event loop")
  }

  // The thread closes the poller, which it may be waiting on.
  deinit { wakeUp.signal() }

  /// The eventfd that ends a wait; closed when neither loop nor thread can use it any more.
  private final class WakeUp: Sendable {
    let descriptor = postroad_wakeup_create()
    deinit { close(descriptor) }
    func signal() { postroad_wakeup_signal(descriptor) }
    func clear() { postroad_wakeup_clear(descriptor) }
  }

  /// Begins the thread; it ends after ``stop()``.
  func start(_ driver: any Driver) {
    self.driver = driver
    _ = postroad_poller_add(poller, wakeUp.descriptor, 0)
    if driver.descriptor >= 0 { _ = postroad_poller_add(poller, driver.descriptor, 1) }
    let held = unsafe Unmanaged.passRetained(Thread(self, poller, wakeUp)).toOpaque()
    var created = pthread_t()
    let result = unsafe pthread_create(
      &created, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<Thread>.fromOpaque(argument).takeRetainedValue().main()
        return nil
      }, held)
    precondition(result == 0, "no thread could be made for an event loop")
    pthread_detach(created)
  }

  /// Whether the caller is on the loop's thread.
  var isOnLoop: Bool {
    hasStarted.load(ordering: .acquiring) && pthread_equal(thread, pthread_self()) != 0
  }

  /// What the thread holds: the loop until it is stopped, afterwards only a weak reference.
  private final class Thread {
    private var running: EventLoop?
    private weak var loop: EventLoop?
    private let poller: Int32
    private let wakeUp: WakeUp

    init(_ loop: EventLoop, _ poller: Int32, _ wakeUp: WakeUp) {
      running = loop
      self.loop = loop
      self.poller = poller
      self.wakeUp = wakeUp
    }

    func main() {
      running?.run()
      running = nil
      // A stopped loop still runs the jobs of those who don't know yet, until nobody is left.
      while serve() {
        _ = postroad_poller_wait(poller, -1)
        wakeUp.clear()
      }
      close(poller)
    }

    private func serve() -> Bool {
      guard let loop else { return false }
      // All of them: nothing wakes this thread for what is left in `local`.
      repeat { loop.runJobs() } while !loop.local.isEmpty
      return true
    }
  }

  // MARK: Enqueuing

  func enqueue(_ job: consuming ExecutorJob) {
    add(.job(UnownedJob(job)))
  }

  /// Runs a closure on the loop's thread.
  func execute(_ body: @escaping @Sendable () -> Void) { add(.closure(body)) }

  func asUnownedSerialExecutor() -> UnownedSerialExecutor {
    unsafe UnownedSerialExecutor(ordinary: self)
  }

  func checkIsolated() {
    precondition(isOnLoop, "the state of an event loop was touched from another thread")
  }

  private func add(_ work: Work) {
    if isOnLoop { return local.append(work) }
    let mustWake = shared.withLock { shared in
      shared.jobs.append(work)
      hasNews.store(true, ordering: .releasing)
      // A stopped loop is woken for each: it looks nowhere else.
      defer { shared.isAwake = !shared.isStopping }
      return !shared.isAwake
    }
    if mustWake { wake() }
  }

  private func wake() { wakeUp.signal() }

  /// Ends the driving after the present turn.
  func stop() {
    let mustWake = shared.withLock { shared in
      shared.isStopping = true
      hasNews.store(true, ordering: .releasing)
      defer { shared.isAwake = true }
      return !shared.isAwake
    }
    if mustWake { wake() }
  }

  // MARK: The loop

  private func run() {
    thread = pthread_self()
    hasStarted.store(true, ordering: .releasing)
    guard let driver else { return }
    var isReadable = false
    var isWaitedOn = true
    var again = LookAgain()
    while true {
      let frames = driver.receive(isReadable: isReadable)
      again.found(frames, at: driver.time)
      if frames == 0, isWaitedOn, driver.hasDeviceFailed {
        isWaitedOn = false
        _ = postroad_poller_remove(poller, driver.descriptor)
      }
      runJobs()
      driver.finishTurn()
      let looksAgain = again.isWorthIt(at: driver.time)
      let mayWait = !looksAgain && local.isEmpty && fallAsleep()
      if isStopping { break }
      if again.isInVain { sched_yield() }
      isReadable = looksAgain || wait(mayWait ? driver.nanosecondsToDeadline() ?? -1 : 0)
    }
    driver.loopEnded()
    self.driver = nil
    shared.withLock { $0.isAwake = false }
  }

  /// Whether nobody has left anything to do: then whoever comes from now on wakes the loop.
  private func fallAsleep() -> Bool {
    shared.withLock { shared in
      guard shared.jobs.isEmpty, !shared.isStopping else { return false }
      shared.isAwake = false
      return true
    }
  }

  /// Waits for frames, the wake-up or the time; whether frames wait.
  private func wait(_ nanoseconds: Int64) -> Bool {
    let ready = postroad_poller_wait(poller, nanoseconds)
    if nanoseconds != 0 { shared.withLock { $0.isAwake = true } }
    if ready & 1 != 0 { wakeUp.clear() }
    return ready & 2 != 0
  }

  private func takeNews() {
    shared.withLock { shared in
      hasNews.store(false, ordering: .relaxed)
      isStopping = shared.isStopping
      while let work = shared.jobs.popFirst() { local.append(work) }
    }
  }

  /// Jobs of one turn: what is queued now and what that queues, up to a bound.
  private func runJobs() {
    if hasNews.load(ordering: .acquiring) { takeNews() }
    var budget = 4096
    while budget > 0, let work = local.popFirst() {
      budget &-= 1
      switch work {
      case .job(let job): unsafe job.runSynchronously(on: asUnownedSerialExecutor())
      case .closure(let body): body()
      }
    }
  }
}

/// The steady clock, in nanoseconds.
func steadyNanoseconds() -> Int64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
}
