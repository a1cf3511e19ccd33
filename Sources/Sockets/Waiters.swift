import Stack

/// Which readiness a task waits for.
enum WaitKind: Int, Sendable { case reader, writer, opener }

/// The tasks that wait for one socket.
@safe
final class Waiters {
  /// A task that waits, and a number that no other waiting ever had.
  @safe
  struct Waiting {
    let number: UInt64
    let continuation: UnsafeContinuation<Void, any Error>
  }

  /// By the raw value of ``WaitKind``.
  private var lists: [[Waiting]] = [[], [], []]

  func add(_ waiting: Waiting, _ kind: WaitKind) { lists[kind.rawValue].append(waiting) }

  /// Wakes the tasks that a readiness concerns; each looks for itself whether there is something.
  func wake(_ readiness: Readiness) {
    if !readiness.isDisjoint(with: [.readable, .acceptable, .closed, .peerClosed]) {
      resume(.reader)
    }
    if !readiness.isDisjoint(with: [.writable, .closed]) { resume(.writer) }
    if !readiness.isDisjoint(with: [.connected, .closed]) { resume(.opener) }
  }

  private func resume(_ kind: WaitKind) {
    guard !lists[kind.rawValue].isEmpty else { return }
    for waiting in lists[kind.rawValue] { unsafe waiting.continuation.resume() }
    lists[kind.rawValue].removeAll(keepingCapacity: true)
  }

  /// Wakes one with an error; not any other that has begun to wait since.
  func cancel(_ number: UInt64, _ kind: WaitKind) {
    guard let place = lists[kind.rawValue].firstIndex(where: { $0.number == number }) else {
      return
    }
    let waiting = lists[kind.rawValue].remove(at: place)
    unsafe waiting.continuation.resume(throwing: CancellationError())
  }

  /// Wakes all with an error.
  func fail(_ error: any Error) {
    for kind in lists.indices {
      for waiting in lists[kind] { unsafe waiting.continuation.resume(throwing: error) }
      lists[kind].removeAll()
    }
  }
}

/// Who is told of what happens at a socket, found by the socket's place without hashing.
struct SocketOwners {
  /// The owner of one socket.
  struct Owner {
    let socket: SocketID
    /// Tasks, once one has waited.
    var waiters: Waiters?
    /// An object on the loop's thread instead of tasks.
    let handler: (any ConnectionHandler)?
  }

  /// By kind, then by place; the generation within the ID tells tenants of one place apart.
  private var places: [[Owner?]] = [[], [], []]

  /// The owner of a socket; nil when it has none.
  subscript(socket: SocketID) -> Owner? {
    let (kind, place) = socket.position
    guard place < places[kind].count, let owner = places[kind][place], owner.socket == socket
    else { return nil }
    return owner
  }

  /// The object that is told of what happens at a socket; nil when it has none.
  func handler(of socket: SocketID) -> (any ConnectionHandler)? {
    let (kind, place) = socket.position
    guard place < places[kind].count, places[kind][place]?.socket == socket else { return nil }
    return places[kind][place]?.handler
  }

  mutating func adopt(_ socket: SocketID, handler: (any ConnectionHandler)?) {
    let (kind, place) = socket.position
    while places[kind].count <= place { places[kind].append(nil) }
    places[kind][place] = Owner(socket: socket, handler: handler)
  }

  /// The tasks that wait for a socket; nil when nobody has it.
  mutating func waiters(of socket: SocketID) -> Waiters? {
    guard let owner = self[socket] else { return nil }
    if let waiters = owner.waiters { return waiters }
    let made = Waiters()
    let (kind, place) = socket.position
    places[kind][place]?.waiters = made
    return made
  }

  /// Forgets a socket; says who still waits.
  mutating func remove(_ socket: SocketID) -> Waiters? {
    guard let owner = self[socket] else { return nil }
    let (kind, place) = socket.position
    places[kind][place] = nil
    return owner.waiters
  }

  /// Forgets all; says who still waits.
  mutating func removeAll() -> [Waiters] {
    defer { places = [[], [], []] }
    return places.joined().compactMap { $0?.waiters }
  }
}
