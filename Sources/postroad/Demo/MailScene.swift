import Stack

struct MailScene: DemoScene {
  var outcome: String { "" }
  mutating func act(in world: inout DemoWorld) throws(SocketError) {}
  func isOver(in world: borrowing DemoWorld) -> Bool { true }
}
