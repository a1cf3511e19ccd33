// swift-tools-version: 6.3
import PackageDescription

// The benchmarks are a package of their own, so that the main one stays light.
let settings: [SwiftSetting] = [
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
  name: "benchmarks",
  dependencies: [.package(name: "postroad", path: "../..")],
  targets: [
    // Counts the process's allocations and retains.
    .target(name: "CCount"),
    .target(name: "CEpoll"),
    // Loads a server from kernel sockets.
    .executableTarget(name: "load", dependencies: ["CEpoll"], swiftSettings: settings),
    // Writes large captures.
    .executableTarget(
      name: "capture",
      dependencies: [
        .product(name: "Octets", package: "postroad"),
        .product(name: "Wire", package: "postroad"),
        .product(name: "Frames", package: "postroad"),
        .product(name: "Stack", package: "postroad"),
        .product(name: "Simulation", package: "postroad"),
      ],
      swiftSettings: settings),
    // Two stacks in one process: allocations, retains and nanoseconds a segment.
    .executableTarget(
      name: "segments",
      dependencies: [
        "CCount",
        .product(name: "Octets", package: "postroad"),
        .product(name: "Wire", package: "postroad"),
        .product(name: "Stack", package: "postroad"),
      ],
      swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
