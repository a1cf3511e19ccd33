import ArgumentParser
import Octets
import Simulation
import Stack
import TCPCore
import Wire

/// What can be drawn.
enum SceneName: String, CaseIterable, ExpressibleByArgument {
  case mail, fragments, refused, bulk, losses, reordering
  case lostAnswers = "lost-answers"
  case zeroWindow = "zero-window"
  case keepalive, reset
  case halfClose = "half-close"
  case simultaneousClose = "simultaneous-close"
  case fastOpen = "fast-open"
  case reusedPort = "reused-port"
  case unheard

  /// The help names them all; an error is to be one line.
  static var allValueStrings: [String] { [] }

  /// What it is about, as a title.
  var title: String {
    switch self {
    case .mail: "One mail, from the first SYN to the last ACK"
    case .fragments: "A datagram too large for the link"
    case .refused: "A connection that nobody takes"
    case .bulk: "Half a million octets one way"
    case .losses: "Three segments are lost"
    case .lostAnswers: "Acknowledgments are lost, and what had arrived is sent again"
    case .reordering: "A link that lets frames overtake each other"
    case .zeroWindow: "Nobody reads: the window closes, is probed, and opens again"
    case .keepalive: "Nothing to say: probes ask whether the peer is still there"
    case .reset: "The client forgets the connection amid a transfer"
    case .halfClose: "The client has said everything, the server goes on"
    case .simultaneousClose: "Both ends close at the same time"
    case .fastOpen: "Fast Open: a cookie first, then data in the SYN"
    case .reusedPort: "The same ports again, at once"
    case .unheard: "A listener who misses some of the frames"
    }
  }

  /// The scene.
  var scene: any DemoScene {
    switch self {
    case .mail: return MailScene()
    case .fragments: return FragmentScene()
    case .refused: return RefusedScene()
    default: return stream
    }
  }

  private var stream: StreamScene {
    /// The client sends so much and closes, and so does the server; in small segments, but for the bulk.
    func transfer(_ octets: Int) -> StreamScene {
      var scene = StreamScene([
        (.zero, .connect()), (.zero, .write(.client, octets)), (.zero, .finish(.client)),
        (.zero, .finish(.server)),
      ])
      if self != .bulk { scene.serverTCP.maximumSegmentSize = 536 }
      return scene
    }
    var scene: StreamScene
    switch self {
    case .mail, .fragments, .refused: return StreamScene([])
    case .bulk: scene = transfer(500_000)
    case .losses:
      scene = transfer(12_000)
      scene.ear = .client
      scene.losses = [4, 7, 15]
    case .lostAnswers:
      scene = transfer(2_000)
      scene.ear = .server
      scene.lostAnswers = [3, 4, 5, 6]
    case .reordering:
      scene = transfer(12_000)
      scene.ear = .server
      scene.conditions = { conditions in
        conditions.reordering = 0.2
        conditions.reorderingDelay = .milliseconds(6)
      }
    case .zeroWindow:
      scene = StreamScene([
        (.zero, .connect()), (.zero, .reads(.server, false)), (.zero, .write(.client, 6_000)),
        (.zero, .finish(.client)), (.seconds(4), .reads(.server, true)),
        (.milliseconds(4200), .finish(.server)),
      ])
      scene.serverTCP.receiveBufferLimit = 2_920
      scene.serverTCP.receiveBufferMaximum = 2_920
      scene.serverTCP.tunesReceiveBuffer = false
    case .keepalive:
      scene = StreamScene([
        (.zero, .connect()), (.zero, .write(.client, 10)), (.seconds(40), .write(.server, 10)),
        (.seconds(41), .finish(.client)), (.seconds(41), .finish(.server)),
      ])
      scene.clientTCP.keepalive = Keepalive()
      scene.clientTCP.keepalive?.idle = .seconds(10)
      scene.clientTCP.keepalive?.interval = .seconds(5)
    case .reset:
      scene = StreamScene([
        (.zero, .connect()), (.zero, .write(.server, 30_000)),
        (.milliseconds(70), .abort(.client)),
      ])
      scene.clientTCP.maximumSegmentSize = 536
    case .halfClose:
      scene = StreamScene([
        (.zero, .connect()), (.zero, .write(.client, 100)), (.zero, .finish(.client)),
        (.milliseconds(200), .write(.server, 5_000)), (.milliseconds(400), .finish(.server)),
      ])
    case .simultaneousClose:
      scene = StreamScene([
        (.zero, .connect()), (.zero, .write(.client, 100)), (.zero, .write(.server, 100)),
        (.milliseconds(200), .finish(.client)), (.milliseconds(200), .finish(.server)),
      ])
    case .fastOpen:
      scene = StreamScene([
        (.zero, .connect()), (.zero, .write(.client, 100)), (.zero, .finish(.client)),
        (.zero, .finish(.server)), (.seconds(1), .connect()), (.seconds(1), .write(.client, 200)),
        (.seconds(1), .finish(.client)), (.seconds(1), .finish(.server)),
      ])
      scene.fastOpen = .whenWritten
    case .reusedPort:
      scene = StreamScene([
        (.zero, .connect(from: 40_007)), (.zero, .write(.client, 100)),
        (.milliseconds(200), .abort(.client)), (.milliseconds(300), .connect(from: 40_007)),
        (.milliseconds(300), .write(.client, 100)), (.milliseconds(300), .finish(.client)),
        (.milliseconds(300), .finish(.server)),
      ])
    case .unheard:
      scene = transfer(8_000)
      scene.unheard = [5, 12, 13]
    }
    return scene
  }
}
