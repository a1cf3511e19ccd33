// swift-tools-version: 6.3
import PackageDescription

// What takes minutes in simulated worlds is a package of its own, so that the main one stays light.
// `tools/explore` and `tools/networks` build and run it.
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
  ],
  swiftLanguageModes: [.v6]
)
