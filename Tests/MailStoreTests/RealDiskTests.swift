import Foundation
import Mail
import MailStore
import Synchronization
import Testing

extension Trait where Self == ConditionTrait {
  /// A file system of its own can be mounted only by root, and not in every container.
  static var needsMount: Self {
    .enabled("mounting a small tmpfs needs root and the right to mount") {
      guard getuid() == 0 else { return false }
      let folder = RealDiskTests.folder()
      defer { try? FileManager.default.removeItem(atPath: folder) }
      guard run("/bin/mount", "-t", "tmpfs", "none", folder) == 0 else { return false }
      return run("/bin/umount", folder) == 0
    }
  }
}

/// Runs a program; its exit code, or -1.
@discardableResult func run(_ program: String, _ arguments: String...) -> Int32 {
  let process = Process()
  process.executableURL = URL(fileURLWithPath: program)
  process.arguments = arguments
  process.standardError = FileHandle.nullDevice
  guard (try? process.run()) != nil else { return -1 }
  process.waitUntilExit()
  return process.terminationStatus
}

@Suite("A Maildir on a real disk", .timeLimit(.minutes(2)))
struct RealDiskTests {
  static func folder() -> String {
    let path = NSTemporaryDirectory() + "postroad-\(UUID().uuidString)"
    try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    return path
  }

  static let hostname: DomainName = {
    guard let name = DomainName("post.example.test") else { preconditionFailure("a bad name") }
    return name
  }()

  static func names(_ folder: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
  }

  /// A message that says how long it is and what it must look like.
  static func message(_ number: Int, _ size: Int) -> [UInt8] {
    var octets = Array("\(number) \(size)\n".utf8)
    let block = (0..<97).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ number) }
    let whole = octets.count + size
    while octets.count < whole { octets += block.prefix(whole - octets.count) }
    return octets
  }

  /// The number of a stored message, or nil if it is not whole.
  static func number(_ octets: [UInt8]) -> Int? {
    let line = octets.prefix { $0 != 10 }.split(separator: 32)
    guard line.count == 2, let number = Int(String(decoding: line[0], as: UTF8.self)),
      let size = Int(String(decoding: line[1], as: UTF8.self)),
      octets == message(number, size)
    else { return nil }
    return number
  }

  static func stored(_ folder: String) -> [Int?] {
    names(folder + "/new").map { name in
      number([UInt8](FileManager.default.contents(atPath: "\(folder)/new/\(name)") ?? Data()))
    }
  }

  @Test("two hundred writers at once: all messages are there, whole, with mode 0600")
  func concurrent() async throws {
    let folder = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let maildir = try Maildir(path: folder + "/Maildir/", hostname: Self.hostname)
    await withTaskGroup(of: MailStoreError?.self) { group in
      for number in 0..<200 {
        group.addTask {
          let octets = Self.message(number, number % 10 == 0 ? 300_000 : number * 50)
          let pieces = stride(from: 0, to: octets.count, by: 30_000).map {
            Array(octets[$0..<min($0 + 30_000, octets.count)])
          }
          return await DurabilityTests.store(pieces, in: maildir)
        }
      }
      for await error in group { #expect(error == nil) }
    }
    let path = folder + "/Maildir"
    #expect(Self.stored(path).compactMap { $0 }.sorted() == Array(0..<200))
    #expect(Self.names(path + "/tmp").isEmpty)
    #expect(maildir.statistics.messages == 200)
    let attributes = try FileManager.default.attributesOfItem(
      atPath: "\(path)/new/\(Self.names(path + "/new")[0])")
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    let folderAttributes = try FileManager.default.attributesOfItem(atPath: path + "/new")
    #expect(folderAttributes[.posixPermissions] as? Int == 0o700)
  }

  @Test("what cannot be a Maildir is told with its path and cause")
  func unusable() throws {
    let folder = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try Data().write(to: URL(fileURLWithPath: folder + "/file"))
    for (path, cause) in [
      (folder + "/file", "not a directory"), (folder + "/no/Maildir", "no such file"),
      ("/proc/Maildir", "cannot"),
    ] {
      let error = #expect(throws: MaildirOpenError.self) {
        try Maildir(path: path, hostname: Self.hostname)
      }
      let text = error?.description ?? ""
      #expect(text.contains(path) && text.contains(cause), "\(text)")
    }
  }

  @Test(
    "a folder that vanishes or may not be written gives 451, and mail is stored when it is back")
  func vanishes() async throws {
    let folder = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let maildir = try Maildir(path: folder, hostname: Self.hostname)
    try FileManager.default.moveItem(atPath: folder + "/tmp", toPath: folder + "/away")
    let error = await DurabilityTests.store([Self.message(1, 10)], in: maildir)
    #expect(error?.failure == .unavailable)
    try FileManager.default.moveItem(atPath: folder + "/away", toPath: folder + "/tmp")
    #expect(await DurabilityTests.store([Self.message(2, 10)], in: maildir) == nil)
    #expect(Self.stored(folder) == [2])
  }

  @Test(
    "where no message could be moved to its place, the Maildir is refused at the start",
    .needsMount, arguments: [("ro", "read-only file system"), ("rw", "cross-device link")])
  func unmovable(_ option: String, _ cause: String) throws {
    let folder = Self.folder()
    _ = try Maildir(path: folder, hostname: Self.hostname)
    #expect(run("/bin/mount", "-t", "tmpfs", "-o", option, "none", folder + "/new") == 0)
    defer {
      run("/bin/umount", folder + "/new")
      try? FileManager.default.removeItem(atPath: folder)
    }
    let error = #expect(throws: MaildirOpenError.self) {
      try Maildir(path: folder, hostname: Self.hostname)
    }
    let text = error?.description ?? ""
    #expect(text.contains(folder + "/new") && text.contains(cause), "\(text)")
  }

  @Test(
    "a full disk gives 452, shows nothing half-written, and works again with space", .needsMount)
  func fullDisk() async throws {
    let folder = Self.folder()
    #expect(run("/bin/mount", "-t", "tmpfs", "-o", "size=512k", "none", folder) == 0)
    defer {
      run("/bin/umount", folder)
      try? FileManager.default.removeItem(atPath: folder)
    }
    let maildir = try Maildir(path: folder + "/Maildir", hostname: Self.hostname)
    for size in [600_000, 5_000_000] {
      let error = await DurabilityTests.store([Self.message(1, size)], in: maildir)
      #expect(error == .full && error?.failure == .full)
    }
    var kept = 0
    while await DurabilityTests.store([Self.message(kept, 50_000)], in: maildir) == nil {
      kept += 1
      guard kept < 100 else { break }
    }
    #expect(kept > 3 && kept < 11)
    #expect(Self.stored(folder + "/Maildir").compactMap { $0 }.sorted() == Array(0..<kept))
    #expect(Self.names(folder + "/Maildir/tmp").isEmpty)
    for name in Self.names(folder + "/Maildir/new") {
      try FileManager.default.removeItem(atPath: "\(folder)/Maildir/new/\(name)")
    }
    #expect(await DurabilityTests.store([Self.message(7, 50_000)], in: maildir) == nil)
  }

  static func openPromises(_ folder: String) -> Int32 {
    unsafe open(folder + "/promises", O_CREAT | O_WRONLY | O_APPEND, 0o600)
  }

  private static let made = Atomic(0)

  /// Sixteen writers; when so many promises were made, all of them are killed wherever they are.
  static func storeUntilKilled(in folder: String, promises last: Int) async throws {
    let maildir = try Maildir(path: folder, hostname: hostname)
    let promises = openPromises(folder)
    await withTaskGroup(of: Void.self) { group in
      for writer in 0..<16 {
        group.addTask {
          for serial in 0..<1_000_000 {
            let number = writer * 1_000_000 + serial
            let octets = message(number, serial % 7 == 0 ? 90_000 : 500)
            guard await DurabilityTests.store([octets], in: maildir) == nil else { return }
            note(number, in: promises)
            if made.add(1, ordering: .relaxed).newValue == last { kill(getpid(), SIGKILL) }
          }
        }
      }
    }
  }

  /// One call, so that a line is there or is not.
  static func note(_ number: Int, in promises: Int32) {
    let line = Array("\(number)\n".utf8)
    _ = unsafe write(promises, line, line.count)
  }

  @Test(
    "kill -9 at random moments: every promise is kept, nothing is half-written", arguments: 0..<8)
  func killed(round: Int) async throws {
    let folder = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: folder) }
    await #expect(processExitsWith: .signal(SIGKILL)) {
      [folder = folder as String, round = round as Int] in
      try await RealDiskTests.storeUntilKilled(in: folder, promises: 3 + round * 61)
    }
    let promised = try String(contentsOfFile: folder + "/promises", encoding: .utf8)
      .split(separator: "\n").compactMap { Int($0) }
    let found = Self.stored(folder)
    #expect(!found.contains(nil), "a message is half-written")
    #expect(Set(found).count == found.count, "a message is there twice")
    #expect(Set(promised).isSubset(of: Set(found.compactMap { $0 })), "a promise is broken")
    // The next start removes what the dead process left.
    _ = try Maildir(path: folder, hostname: Self.hostname)
    #expect(Self.names(folder + "/tmp").isEmpty)
  }
}
