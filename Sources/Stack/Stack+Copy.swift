import NetworkCore
import Octets
import TCPCore

// A host as it stands, once more: what a simulation goes back to.
extension Stack {
  /// Another host in the same state, for which the same sockets and interfaces hold.
  ///
  /// It shares nothing with this one, so that each goes its own way; the same input brings the same
  /// output about. It costs as much as the buffers of all connections.
  public func copy() -> Stack { Stack(copying: self) }

  /// A test reads this file: a property that is not copied here fails it.
  private init(copying other: borrowing Stack) {
    configuration = other.configuration
    counters = other.counters
    interfaces = other.interfaces.copy()
    routes = other.routes
    addresses = other.addresses
    connections = other.connections.copy { ConnectionSlot(copying: $0) }
    bufferMemory = other.bufferMemory
    table = other.table
    deadlines = other.deadlines
    timeWaits = other.timeWaits
    eventQueue = other.eventQueue
    listeners = other.listeners.copy { copy $0 }
    listenersByPort = other.listenersByPort
    udpSockets = other.udpSockets.copy { copy $0 }
    udpByPort = other.udpByPort
    reassembler = other.reassembler.copy()
    identification = other.identification
    pathMTUs = other.pathMTUs
    errorPolicy = other.errorPolicy
    sequences = other.sequences
    cookies = other.cookies
    lastCookieAt = other.lastCookieAt
    ports = other.ports
    fastOpen = other.fastOpen
    fastOpenCache = other.fastOpenCache
    outgoing = other.outgoing
    isSinkFull = other.isSinkFull
  }
}

extension ConnectionSlot {
  init(copying other: borrowing ConnectionSlot) {
    self.init(
      TCPConnection(copying: other.connection), listener: other.listener,
      interface: other.interface, nextHop: other.nextHop, isHeld: other.isHeld)
    isInOutputQueue = other.isInOutputQueue
    isInEventQueue = other.isInEventQueue
    isListed = other.isListed
    earlyListener = other.earlyListener
    isTimeWait = other.isTimeWait
    readiness = other.readiness
    bufferMemory = other.bufferMemory
    scheduled = other.scheduled
    sourceRoute = other.sourceRoute
    isRouteNamed = other.isRouteNamed
  }
}
