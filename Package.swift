// swift-tools-version: 6.3
import PackageDescription

/// Every target is built with these: the Swift 6 language, memory safety spelled out, no warnings.
let settings: [SwiftSetting] = [
  .enableExperimentalFeature("Lifetimes"),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .strictMemorySafety(),
  .treatAllWarnings(as: .error),
]

let collections = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "Metrics", package: "swift-metrics")
let lifecycle = Target.Dependency.product(
  name: "ServiceLifecycle", package: "swift-service-lifecycle")
let signals = Target.Dependency.product(
  name: "UnixSignals", package: "swift-service-lifecycle")
let arguments = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")

/// A target of ours, its sources under `Sources/<name>`.
func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
  .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

/// The tests of one target, under `Tests/<name>Tests`.
func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name + "Tests", dependencies: [.init(stringLiteral: name)] + dependencies,
    exclude: exclude, swiftSettings: settings)
}

let package = Package(
  name: "postroad",
  products: [
    .library(name: "Octets", targets: ["Octets"]),
    .library(name: "Wire", targets: ["Wire"]),
    .library(name: "Frames", targets: ["Frames"]),
    .library(name: "Stack", targets: ["Stack", "TCPCore", "NetworkCore"]),
    .library(name: "Sockets", targets: ["Sockets"]),
    .library(name: "Simulation", targets: ["Simulation"]),
    .library(name: "POSIXSockets", targets: ["POSIXSockets"]),
    .library(name: "Drill", targets: ["Drill"]),
    .library(name: "Laboratory", targets: ["Laboratory"]),
    .library(name: "Analysis", targets: ["Analysis"]),
    .library(name: "Mail", targets: ["Mail"]),
    .library(name: "MailStore", targets: ["MailStore"]),
    .library(name: "MailService", targets: ["MailService"]),
    .library(name: "Pictures", targets: ["Pictures"]),
    .executable(name: "postroad", targets: ["postroad"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.1.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-metrics", from: "2.5.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.6.0"),
  ],
  targets: [
    // From the octet up. Arrows point from what is used to what uses it; nothing points back.
    library("Octets"),
    library("Wire", ["Octets"]),
    library("NetworkCore", ["Octets", "Wire", collections]),
    library("TCPCore", ["Octets", "Wire", collections]),
    library("Stack", ["Octets", "Wire", "NetworkCore", "TCPCore", collections]),
    library("Simulation", ["Octets", "Wire", "TCPCore", "Stack", "Frames", collections]),

    // System calls as Linux has them, over a stack in virtual time; packet scripts that use them.
    library("POSIXSockets", ["Octets", "Wire", "NetworkCore", "TCPCore", "Stack", collections]),
    library(
      "Drill",
      ["Octets", "Wire", "NetworkCore", "TCPCore", "Stack", "POSIXSockets", "Frames", collections]),

    // What a capture tells about the connections in it.
    library("Analysis", ["Octets", "Wire", collections]),

    // Our stack in the place of one end of a captured connection.
    library("Oracle", ["Octets", "Wire", "TCPCore", "Stack", "Analysis"]),

    // Devices and files that carry frames.
    .target(name: "CTun"),
    .systemLibrary(
      name: "CPcap", pkgConfig: "libpcap", providers: [.apt(["libpcap-dev"])]),
    library("Frames", ["Octets", "Wire", "CTun", "CPcap"]),
    library(
      "Sockets",
      ["Octets", "Wire", "NetworkCore", "TCPCore", "Stack", "Frames", "CTun", collections, logging]),

    // Connections as drawings: values in, SVG out.
    library("Pictures", ["Wire", "Analysis"]),

    // Mail, and the program.
    library("Mail", ["Octets"]),
    library("MailStore", ["Octets", "Mail", "CTun"]),

    // Runs that can be stepped and forked, and exercises; no terminal in it.
    library(
      "Laboratory",
      ["Octets", "Wire", "TCPCore", "Stack", "Simulation", "Frames", "Analysis", "Mail"]),
    library(
      "MailService",
      [
        "Octets", "Wire", "Mail", "MailStore", "Sockets", "Stack", "TCPCore", "NetworkCore",
        logging, metrics, lifecycle,
      ]),
    .executableTarget(
      name: "postroad",
      dependencies: [
        "Octets", "Wire", "Frames", "Stack", "Sockets", "Simulation", "Mail", "MailStore",
        "Drill", "Laboratory", "Analysis", "Oracle", "MailService", "TCPCore", "NetworkCore",
        "Pictures",
        arguments, logging, lifecycle, signals,
      ],
      swiftSettings: settings),

    tests("Octets", []),
    tests("Wire", ["Octets"]),
    tests("NetworkCore", ["Octets", "Wire"]),
    tests("TCPCore", ["Octets", "Wire"]),
    tests("Stack", ["Octets", "Wire", "NetworkCore", "TCPCore"]),
    tests("Simulation", ["Octets", "Wire", "Stack", "Frames", "TCPCore"]),
    tests("POSIXSockets", ["Octets", "Wire", "Stack", "TCPCore"]),
    tests(
      "Drill", ["Octets", "Wire", "Stack", "TCPCore", "POSIXSockets", "Frames"],
      exclude: ["Scripts"]),
    tests("Frames", ["Octets", "Wire"]),
    tests(
      "Analysis", ["Octets", "Wire", "Frames", "Stack", "TCPCore", "Simulation", "ProgramRunner"]),
    tests(
      "Oracle", ["Octets", "Wire", "Frames", "Stack", "TCPCore", "Analysis", "ProgramRunner"]),
    tests("Pictures", ["Octets", "Wire", "Analysis"]),
    tests("Sockets", ["Octets", "Wire", "NetworkCore", "TCPCore", "Stack", "Frames", logging]),
    tests("Mail", ["Octets"]),
    tests("MailStore", ["Octets", "Mail"]),
    tests("Laboratory", ["Octets", "Wire", "TCPCore", "Stack", "Simulation", "Frames"]),
    tests("MailService", ["Octets", "Wire", "Mail", "MailStore", "Sockets", "Stack", "Frames"]),

    // The program, as a person or a script meets it.
    .target(name: "ProgramRunner", path: "Tests/ProgramRunner", swiftSettings: settings),
    tests("postroad", ["Analysis", "ProgramRunner", "Wire"]),
    .testTarget(
      name: "RealWorldTests", dependencies: ["ProgramRunner", "postroad"],
      exclude: ["Scripts"], swiftSettings: settings),
  ],
  swiftLanguageModes: [.v6]
)
