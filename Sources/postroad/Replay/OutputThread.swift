import Frames
import Glibc
import Synchronization

/// Tells of frames on a thread of its own, in their order, while the next ones are read and judged.
///
/// A ring of a few batches lies between the two threads; two semaphores count how many are free and
/// how many are filled, and who has waited for one has the batch at his place to himself.
@safe
final class OutputThread: @unchecked Sendable {
  // `@unchecked`: a batch is the reader's or the thread's, never both; the output is the thread's until
  // `finish()` has waited for its end.
  private static let places = 4

  private let ring = UnsafeMutablePointer<ToldFrames>.allocate(capacity: places)
  private let free = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
  private let filled = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
  private var output: ReplayOutput
  private var failure: (any Error)?
  private let isOver = Atomic(false)
  /// The batch that is being filled.
  private var place = 0
  private var thread: pthread_t?

  init(_ output: consuming ReplayOutput) {
    self.output = output
    unsafe ring.initialize(repeating: ToldFrames(), count: Self.places)
    unsafe sem_init(free, 0, UInt32(Self.places - 1))
    unsafe sem_init(filled, 0, 0)
  }

  deinit {
    unsafe ring.deinitialize(count: Self.places)
    unsafe sem_destroy(free)
    unsafe sem_destroy(filled)
    unsafe ring.deallocate()
    unsafe free.deallocate()
    unsafe filled.deallocate()
  }

  /// Whether what is told reaches nobody any more.
  var hasFailed: Bool { isOver.load(ordering: .relaxed) }

  /// Takes a frame that is to be told.
  func tell(_ entry: Replayer.Entry, _ frame: borrowing LentFrame, comment: String?) {
    unsafe ring[place].append(entry, frame, comment: comment)
    if unsafe ring[place].isFull { handOn() }
  }

  /// Tells what is left, ends the thread, and lets `body` tell more; throws why that failed.
  func finish(_ body: (inout ReplayOutput) throws -> Void) throws {
    if unsafe !ring[place].isEmpty { handOn() }
    if let thread {
      // An empty batch is the last one.
      handOn()
      pthread_join(thread, nil)
    }
    if let failure { throw failure }
    try body(&output)
    try output.flush()
  }

  /// Gives the batch to the thread, and waits for a free one.
  private func handOn() {
    guard start() else {
      // No thread can be had: then it is told here.
      return tellBatch(at: place)
    }
    unsafe sem_post(filled)
    unsafe Self.wait(for: free)
    place = (place + 1) % Self.places
  }

  private static func wait(for semaphore: UnsafeMutablePointer<sem_t>) {
    while unsafe sem_wait(semaphore) != 0, errno == EINTR {}
  }

  private func start() -> Bool {
    guard thread == nil else { return true }
    let held = unsafe Unmanaged.passRetained(self).toOpaque()
    var created = pthread_t()
    let result = unsafe pthread_create(
      &created, nil,
      { argument in
        guard let argument = unsafe argument else { return nil }
        unsafe Unmanaged<OutputThread>.fromOpaque(argument).takeRetainedValue().main()
        return nil
      }, held)
    guard result == 0 else {
      unsafe Unmanaged<OutputThread>.fromOpaque(held).release()
      return false
    }
    thread = created
    return true
  }

  private func main() {
    var next = 0
    while true {
      unsafe Self.wait(for: filled)
      let isLast = unsafe ring[next].isEmpty
      tellBatch(at: next)
      unsafe sem_post(free)
      if isLast { return }
      next = (next + 1) % Self.places
    }
  }

  private func tellBatch(at place: Int) {
    defer { unsafe ring[place].removeAll() }
    if failure != nil { return }
    do {
      try unsafe output.tell(ring[place])
    } catch {
      failure = error
      isOver.store(true, ordering: .relaxed)
    }
  }
}
