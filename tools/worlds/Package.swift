// swift-tools-version: 6.3
import PackageDescription

// What takes minutes in simulated or real networks is a package of its own, so that the main one
// stays light. `tools/explore` and `tools/networks` build and run it.
let settings: [SwiftSetting] = [
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

let package = Package(
  name: "worlds",
  dependencies: [.package(name: "postroad", path: "../..")],
  targets: [
    .executableTarget(
      name: "explore",
      dependencies: [.product(name: "Simulation", package: "postroad")],
      swiftSettings: settings),
    .executableTarget(
      name: "networks",
      dependencies: [.product(name: "Simulation", package: "postroad")],
      swiftSettings: settings),
    // Carries packets between two TUN devices, with rate, delay, loss, jitter and a queue.
    .executableTarget(
      name: "relay",
      dependencies: [
        .product(name: "Octets", package: "postroad"),
        .product(name: "Frames", package: "postroad"),
      ],
      swiftSettings: settings),
    // Our stack as one end of a measured connection.
    .executableTarget(
      name: "end",
      dependencies: [
        .product(name: "Wire", package: "postroad"),
        .product(name: "Frames", package: "postroad"),
        .product(name: "Stack", package: "postroad"),
        .product(name: "Sockets", package: "postroad"),
      ],
      swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
