import ArgumentParser

/// `postroad send`: submits one message.
struct Send: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Submit a message.")
}
