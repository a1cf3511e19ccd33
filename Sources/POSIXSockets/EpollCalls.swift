import Octets
import Stack

/// An epoll instance.
final class OpenEpoll {
  /// What is waited for at one socket.
  struct Item {
    var fd: Int
    var socket: OpenSocket
    var event: EpollEvent
    /// Something happened since it was last told.
    var hasNews = true
    /// `EPOLLONESHOT` has had its shot.
    var isSpent = false
  }

  /// The items, those that were told longest ago first.
  var items: [Item] = []
  /// When a wait that blocks gives up.
  var deadline: Instant?

  /// A socket is closed.
  func forget(_ socket: OpenSocket) { items.removeAll { $0.socket === socket } }

  /// Something happened at a socket.
  func note(_ socket: OpenSocket) {
    for index in items.indices where items[index].socket === socket {
      items[index].hasNews = true
    }
  }
}

// epoll, level- and edge-triggered.
extension POSIXProcess {
  /// `epoll_create(2)`.
  public mutating func epollCreate(size: Int) throws(UnsupportedCall) -> CallResult {
    guard size > 0 else { return .failed(.invalidArgument) }
    return add(.epoll(OpenEpoll()))
  }

  /// `epoll_ctl(2)`: 1 adds, 2 deletes, 3 changes.
  public mutating func epollControl(
    _ epoll: Int, operation: Int, _ fd: Int, _ event: EpollEvent?
  ) throws(UnsupportedCall) -> CallResult {
    if operation != 2, event == nil { return .failed(.badAddress) }
    guard let file = descriptors[epoll], let target = descriptors[fd] else {
      return .failed(.badDescriptor)
    }
    guard case .epoll(let instance) = file else { return .failed(.invalidArgument) }
    guard epoll != fd else { return .failed(.invalidArgument) }
    guard case .socket(let socket) = target else {
      guard case .epoll = target else { return .failed(.notPermitted) }
      throw UnsupportedCall(what: "epoll_ctl() of an epoll descriptor")
    }
    drainEvents()
    let place = instance.items.firstIndex { $0.fd == fd && $0.socket === socket }
    switch (operation, place) {
    case (1, nil):
      guard let event else { return .failed(.badAddress) }
      instance.items.append(OpenEpoll.Item(fd: fd, socket: socket, event: event))
    case (1, _?): return .failed(.exists)
    case (2, let place?): instance.items.remove(at: place)
    case (3, let place?):
      guard let event else { return .failed(.badAddress) }
      instance.items[place].event = event
      instance.items[place].hasNews = true
      instance.items[place].isSpent = false
    case (2, nil), (3, nil): return .failed(.noEntry)
    default: return .failed(.invalidArgument)
    }
    return .done(0)
  }

  /// `epoll_wait(2)`.
  public mutating func epollWait(
    _ epoll: Int, into events: inout [EpollEvent], maximum: Int, milliseconds: Int
  ) throws(UnsupportedCall) -> CallResult {
    guard maximum > 0 else { return .failed(.invalidArgument) }
    guard let file = descriptors[epoll] else { return .failed(.badDescriptor) }
    guard case .epoll(let instance) = file else { return .failed(.invalidArgument) }
    drainEvents()
    events = []
    var told: [OpenEpoll.Item] = []
    var kept: [OpenEpoll.Item] = []
    for var item in instance.items {
      let ready = told.count < maximum ? readiness(item) : []
      guard !ready.isEmpty else {
        kept.append(item)
        continue
      }
      events.append(EpollEvent(events: ready, data: item.event.data))
      if item.event.events.contains(.edgeTriggered) { item.hasNews = false }
      if item.event.events.contains(.oneShot) { item.isSpent = true }
      told.append(item)
    }
    instance.items = kept + told
    if told.isEmpty, let end = waitEnd(instance.deadline, milliseconds) {
      instance.deadline = end
      return .pending
    }
    instance.deadline = nil
    return .done(told.count)
  }

  /// Whether `epoll_wait(2)` would return at once.
  mutating func hasReady(_ epoll: OpenEpoll) -> Bool {
    for item in epoll.items where !readiness(item).isEmpty { return true }
    return false
  }

  private mutating func readiness(_ item: OpenEpoll.Item) -> PollEvents {
    guard !item.isSpent else { return [] }
    let socket = item.socket
    let lackedRoom = socket.lacksRoom
    let events = readiness(socket)
    if lackedRoom, events.contains(.output) {
      // Room again where a write found none is news.
      socket.lacksRoom = false
      if item.event.events.contains(.edgeTriggered), !item.hasNews {
        return events.intersection(item.event.events.union([.error, .hangUp]))
      }
    }
    guard item.hasNews || !item.event.events.contains(.edgeTriggered) else { return [] }
    return events.intersection(item.event.events.union([.error, .hangUp]))
  }

  /// Tells the epoll instances what the stack has to tell.
  mutating func drainEvents() {
    for (_, socket) in descriptors.sockets {
      gatherReports(socket)
      guard socket.reports.hasNews else { continue }
      socket.reports.hasNews = false
      for epoll in descriptors.epolls { epoll.note(socket) }
    }
    while let event = stack.nextEvent() {
      guard let socket = descriptors.sockets.first(where: { $0.socket.id == event.socket })?.socket
      else { continue }
      for epoll in descriptors.epolls { epoll.note(socket) }
    }
  }
}
