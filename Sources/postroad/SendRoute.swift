import Foundation
import Mail
import MailService
import Wire

/// The way to a server that has several addresses: each is tried in turn until one takes the session.
///
/// Source: RFC 5321 5.1. A message is offered once: only who was not reached, or did not come
/// as far as the envelope, is followed by the next.
struct SendRoute {
  /// Addresses tried at most, as many as Postfix's client tries.
  static let mostAddresses = 5
  /// How long connecting may take where there is another address to try, and where there is none.
  static let patience = (withOthers: Duration.seconds(30), alone: Duration.seconds(300))

  let addresses: [IPv4Address]
  let submission: SMTPSubmission
  let message: [UInt8]
  let helloName: MailDomain
  /// Hears why an address is left for the next.
  var note: @Sendable (String) -> Void = { _ in }

  /// What became of it.
  enum Ending {
    /// There was no address to try.
    case untried
    /// No address could be connected to; the reason of the last.
    case unreachable(String)
    /// What the server said; final if no address left another answer open.
    case answered(SMTPDelivery?, isFinal: Bool)
  }

  /// Tries the addresses.
  /// - Parameter connect: makes a stream to an address, within a time.
  func deliver(
    _ connect: (IPv4Address, Duration) async throws -> some ByteStream
  ) async -> Ending {
    var ending = Ending.untried
    for (index, address) in addresses.prefix(Self.mostAddresses).enumerated() {
      let isLast = index + 1 == min(addresses.count, Self.mostAddresses)
      let limit = addresses.count > 1 ? Self.patience.withOthers : Self.patience.alone
      do {
        let stream = try await connect(address, limit)
        let delivery = await SMTPClient.deliver(
          submission, message: message, helloName: helloName, over: stream)
        ending = ending.followed(by: delivery)
        guard let delivery, delivery.neverBegan, !isLast else { return ending }
        if let reason = delivery.outcomes.first?.outcome.reason {
          note("note: \(address): \(reason)")
        }
      } catch {
        ending = ending.followed(byFailure: "\(error)")
        if !isLast { note("note: \(address): \(error)") }
      }
    }
    return ending
  }

  /// The addresses that the system knows for a name, or the one that a text is; each once.
  static func addresses(of host: String) -> [IPv4Address] {
    if let address = IPv4Address(host) { return [address] }
    var hints = unsafe addrinfo()
    unsafe hints.ai_family = AF_INET
    unsafe hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    guard unsafe getaddrinfo(host, nil, &hints, &list) == 0 else { return [] }
    defer { if let list = unsafe list { unsafe freeaddrinfo(list) } }
    var found: [IPv4Address] = []
    var next = unsafe list
    while let entry = unsafe next {
      unsafe next = entry.pointee.ai_next
      guard let name = unsafe entry.pointee.ai_addr else { continue }
      let raw = unsafe name.withMemoryRebound(to: sockaddr_in.self, capacity: 1) {
        unsafe $0.pointee.sin_addr.s_addr
      }
      let address = IPv4Address(rawValue: UInt32(bigEndian: raw))
      if !found.contains(address) { found.append(address) }
    }
    return found
  }
}

extension SendRoute.Ending {
  /// A later address has answered: its answer counts, but one that nobody gave may come later.
  fileprivate func followed(by delivery: SMTPDelivery?) -> Self {
    switch self {
    case .untried: .answered(delivery, isFinal: true)
    case .unreachable: .answered(delivery, isFinal: false)
    case .answered(let earlier, let isFinal):
      .answered(delivery, isFinal: isFinal && earlier?.isRefused == true)
    }
  }

  /// A later address could not be reached: what an earlier one said stands, but not for good.
  fileprivate func followed(byFailure reason: String) -> Self {
    switch self {
    case .untried, .unreachable: .unreachable(reason)
    case .answered(let delivery, _): .answered(delivery, isFinal: false)
    }
  }
}
