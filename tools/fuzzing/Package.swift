// swift-tools-version: 6.3
import PackageDescription

// The fuzz targets are a package of their own: they are built with `-sanitize=fuzzer`, which the
// main package must know nothing of. `tools/fuzz` builds and runs them.
let settings: [SwiftSetting] = [
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .strictMemorySafety(),
]

let package = Package(
  name: "fuzzing",
  dependencies: [.package(name: "postroad", path: "../..")],
  targets: [
    // Hands the process over to libFuzzer.
    .target(name: "CFuzzer"),
    .executableTarget(
      name: "fuzz",
      dependencies: [
        "CFuzzer",
        .product(name: "Octets", package: "postroad"),
        .product(name: "Wire", package: "postroad"),
        .product(name: "Frames", package: "postroad"),
        .product(name: "Stack", package: "postroad"),
        .product(name: "Mail", package: "postroad"),
      ],
      swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
