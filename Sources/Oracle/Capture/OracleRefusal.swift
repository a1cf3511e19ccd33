/// Why a connection of a capture cannot be compared.
package enum OracleRefusal: Error, Hashable, Sendable, CustomStringConvertible {
  /// No frame of the capture has TCP in it, or none of that connection.
  case noConnection(Int?)
  /// The capture begins after the connection did.
  case noHandshake(Int)
  /// The peer of the end whose place our stack would take has sent nothing that was captured.
  case unanswered(Int, EndpointRole)

  /// One sentence for people.
  package var description: String {
    switch self {
    case .noConnection(nil): "there is no TCP connection in the capture that begins with a SYN"
    case .noConnection(let stream?): "there is no connection \(stream) in the capture"
    case .noHandshake(let stream):
      "connection \(stream) began before the capture did: without its SYN and the answer, our stack"
        + " cannot take an end's place"
    case .unanswered(let stream, let peer):
      "nothing that the \(peer) of connection \(stream) sent is in the capture: there is nothing that our"
        + " stack could answer"
    }
  }
}
