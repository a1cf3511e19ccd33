/// Puts device, stack, sockets, mail and store together.
enum MailHost {
  static func run(_ settings: ServeSettings) async throws {}
}
