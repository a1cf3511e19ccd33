import ArgumentParser

/// `postroad demo`: the way of one mail, drawn.
struct Demo: AsyncParsableCommand {
  static let configuration = CommandConfiguration(abstract: "Draw the way of one mail.")
}
