import ArgumentParser

/// The program: mail over our own TCP/IP.
@main
struct Postroad: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "postroad", abstract: "Mail over our own TCP, over our own IP.")
}
