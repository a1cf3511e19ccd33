import Dispatch
import Glibc
import Mail
import Synchronization
import Testing

@testable import MailStore

@Suite("Durability of a Maildir")
struct DurabilityTests {
  static func open(_ files: FakeFileSystem) throws -> Maildir {
    try Maildir(path: "/m", hostname: "post.example.test", files: files)
  }

  static func text(_ size: Int, _ octet: UInt8 = 120) -> [UInt8] {
    Array(repeating: octet, count: size)
  }

  /// Stores a message given in pieces; gives the error, if any.
  static func store(_ pieces: [[UInt8]], in maildir: Maildir) async -> MailStoreError? {
    do throws(MailStoreError) {
      let draft = try await maildir.begin()
      do throws(MailStoreError) {
        for piece in pieces { try await draft.append(piece) }
        try await draft.commit()
      } catch {
        await draft.discard()
        throw error
      }
    } catch { return error }
    return nil
  }

  @Test("write, synchronize, rename, synchronize the folder: in this order, then success")
  func order() async throws {
    let files = FakeFileSystem()
    let maildir = try Self.open(files)
    files.forgetLog()
    #expect(await Self.store([Self.text(10), Self.text(20)], in: maildir) == nil)
    let log = files.log
    #expect(log.map(\.call) == [.create, .write, .synchronize, .rename, .synchronizeFolder])
    #expect(log.first?.path.hasPrefix("/m/tmp/") == true && log.last?.path == "/m/new")
    #expect(files.found(in: "/m/new", .powerCut).values.map(\.count) == [30])
    #expect(files.openFiles == 0)
  }

  @Test("large messages are written as they come, in bounded memory")
  func large() async throws {
    let files = FakeFileSystem()
    let maildir = try Self.open(files)
    files.forgetLog()
    #expect(await Self.store(Array(repeating: Self.text(40_000), count: 10), in: maildir) == nil)
    #expect(files.log.count { $0.call == .create } == 1)
    #expect(files.log.count { $0.call == .write } == 6)
    #expect(files.found(in: "/m/new", .powerCut).values.map(\.count) == [400_000])
    #expect(files.found(in: "/m/tmp").isEmpty && files.openFiles == 0)
  }

  @Test("a message that comes octet by octet is held in few pieces")
  func trickle() async throws {
    let files = FakeFileSystem()
    let maildir = try Self.open(files)
    let octets = (0..<20_000).map { UInt8(truncatingIfNeeded: $0) }
    #expect(await Self.store(octets.map { [$0] }, in: maildir) == nil)
    #expect(files.mostPieces <= 20_000 / 4096 + 1)
    #expect(files.found(in: "/m/new", .powerCut).values.first == octets)
  }

  static let failures: [(FakeFileSystem.Call, Int32, MailStoreError?)] = [
    FakeFileSystem.Call.create, .write, .synchronize, .rename, .synchronizeFolder,
  ].flatMap { call in
    [
      (call, ENOSPC, .full), (call, EDQUOT, .full), (call, EIO, nil), (call, EROFS, nil),
      (call, EACCES, nil), (call, ENOENT, nil),
    ]
  }

  @Test(
    "a call that fails leaves nothing visible and no promise", arguments: failures, [100, 200_000])
  func failing(
    failure: (call: FakeFileSystem.Call, error: Int32, expected: MailStoreError?), size: Int
  ) async throws {
    let files = FakeFileSystem()
    let maildir = try Self.open(files)
    files.fail(failure.call, with: failure.error)
    let error = await Self.store([Self.text(size / 2), Self.text(size / 2)], in: maildir)
    if let expected = failure.expected {
      #expect(error == expected && error?.failure == .full)
    } else {
      #expect(error?.failure == .unavailable)
      guard case .notWritable(_, let path, let number)? = error else {
        Issue.record("\(String(describing: error))")
        return
      }
      #expect(path.hasPrefix("/m/") && number == failure.error)
    }
    #expect(files.found(in: "/m/new").isEmpty && files.found(in: "/m/tmp").isEmpty)
    #expect(files.openFiles == 0)
    #expect(await Self.store([Self.text(5)], in: maildir) == nil, "the next message is stored")
    #expect(files.found(in: "/m/new").count == 1)
  }

  @Test("what is taken back out of new is taken back durably; what cannot be is counted")
  func takenBack() async throws {
    let files = FakeFileSystem()
    let maildir = try Self.open(files)
    files.forgetLog()
    files.fail(.synchronizeFolder, with: EIO)
    #expect(await Self.store([Self.text(10)], in: maildir) != nil)
    #expect(
      files.log.map(\.call).suffix(4) == [.rename, .synchronizeFolder, .remove, .synchronizeFolder])
    #expect(maildir.statistics.strays == 0)
    files.fail(.synchronizeFolder, with: EIO)
    files.fail(.remove, with: EIO)
    #expect(await Self.store([Self.text(10)], in: maildir) != nil)
    #expect(maildir.statistics.strays == 1)
    #expect(files.found(in: "/m/new").count == 1)
  }

  @Test("in a group one failing message does not harm the others")
  func groupFailure() throws {
    for call in [FakeFileSystem.Call.create, .write, .synchronize, .rename] {
      let files = FakeFileSystem()
      let writer = MaildirWriter(path: "/m", files: files, lanes: 1)
      files.fail(call, number: 1, with: EIO)
      let group = ["a", "b", "c"].map {
        PendingMessage(name: $0, file: nil, pieces: [Self.text(50)])
      }
      let succeeded = writer.commit(group).map { (try? $0.get()) != nil }
      #expect(succeeded == [true, false, true], "\(call)")
      #expect(files.found(in: "/m/new", .powerCut).keys.sorted() == ["a", "c"])
      #expect(files.found(in: "/m/tmp").isEmpty && files.openFiles == 0)
    }
  }

  @Test("a crash at any point leaves each message whole or not at all, and every promise kept")
  func crash() throws {
    func run(stoppingAfter calls: Int) -> (FakeFileSystem, [Bool]) {
      let files = FakeFileSystem()
      files.stop(after: calls)
      let writer = MaildirWriter(path: "/m", files: files, lanes: 1)
      let group = (0..<4).map {
        PendingMessage(
          name: "\($0)", file: nil, pieces: [Self.text(30, UInt8($0)), Self.text(30, UInt8($0))])
      }
      return (files, writer.commit(group).map { (try? $0.get()) != nil })
    }
    let whole = run(stoppingAfter: .max).0.log.count
    #expect(whole == 4 * 4 + 1)
    for calls in 0...whole {
      let (files, promised) = run(stoppingAfter: calls)
      #expect(promised.allSatisfy { $0 == (calls == whole) })
      for view in FakeFileSystem.View.allCases {
        let found = files.found(in: "/m/new", view)
        for (name, octets) in found {
          #expect(octets == Self.text(60, UInt8(name) ?? 0), "\(view) after \(calls) calls")
        }
        if calls == whole { #expect(found.count == 4) }
      }
    }
  }

  @Test("messages that come while others are made durable share one synchronization")
  func groupCommit() async throws {
    let gate = Gate()
    let files = FakeFileSystem { entry in
      if entry.call == .synchronizeFolder, entry.path == "/g/new" { gate.pass() }
    }
    let maildir = try Maildir(path: "/g", hostname: "h", files: files)
    gate.close()
    files.forgetLog()
    let count = 200
    await withTaskGroup(of: MailStoreError?.self) { group in
      for number in 0..<count {
        group.addTask { await Self.store([Self.text(10 + number)], in: maildir) }
      }
      let deadline = ContinuousClock.now + .seconds(20)
      while maildir.statistics.waiting + maildir.statistics.messages < count,
        ContinuousClock.now < deadline
      {
        await Task.yield()
      }
      gate.open()
      for await error in group { #expect(error == nil) }
    }
    let folders = files.log.count { $0.call == .synchronizeFolder }
    #expect(folders <= 4, "\(folders) synchronizations of the folder for \(count) messages")
    #expect(maildir.statistics.groups == folders && maildir.statistics.messages == count)
    #expect(Set(files.found(in: "/g/new", .powerCut).values.map(\.count)).count == count)
  }

  @Test("a draft is used once")
  func once() async throws {
    for store in [try Self.open(FakeFileSystem()), MemoryMailStore()] as [any MailStoring] {
      let draft = try await store.begin()
      try await draft.append(Self.text(3))
      try await draft.commit()
      await #expect(throws: MailStoreError.draftIsOver) { try await draft.commit() }
      await #expect(throws: MailStoreError.draftIsOver) { try await draft.append([1]) }
      await draft.discard()
      let other = try await store.begin()
      await other.discard()
      await #expect(throws: MailStoreError.draftIsOver) { try await other.commit() }
    }
  }

  @Test("a draft given up, or just dropped, leaves nothing in tmp", arguments: [true, false])
  func discard(isSaid: Bool) async throws {
    let files = FakeFileSystem()
    let maildir = try Self.open(files)
    do {
      let draft = try await maildir.begin()
      try await draft.append(Self.text(100_000))
      #expect(files.found(in: "/m/tmp").count == 1)
      if isSaid { await draft.discard() }
    }
    let deadline = ContinuousClock.now + .seconds(10)
    while !files.found(in: "/m/tmp").isEmpty, ContinuousClock.now < deadline { await Task.yield() }
    #expect(files.found(in: "/m/tmp").isEmpty && files.openFiles == 0)
  }
}

/// Holds the first that comes while it is closed, until it is opened.
final class Gate: Sendable {
  private let isClosed = Mutex(false)
  private let opened = DispatchSemaphore(value: 0)

  func close() { isClosed.withLock { $0 = true } }

  func pass() {
    let mustWait = isClosed.withLock { isClosed in
      defer { isClosed = false }
      return isClosed
    }
    if mustWait { opened.wait() }
  }

  func open() { opened.signal() }
}

@Suite("Opening a Maildir")
struct OpeningTests {
  @Test("each call that fails is told in one sentence with path and cause")
  func failing() {
    for call in [
      FakeFileSystem.Call.makeFolder, .create, .remove, .entries,
    ] {
      let files = FakeFileSystem()
      files.fail(call, with: EROFS)
      let error = #expect(throws: MaildirOpenError.self) { try DurabilityTests.open(files) }
      let text = error?.description ?? ""
      #expect(text.contains("Maildir /m") && text.contains("read-only"), "\(text)")
      #expect(!text.contains("\n") && !text.hasSuffix("."))
    }
  }

  @Test("only what no living process can be writing is removed from tmp")
  func leftovers() throws {
    let now = Int64(time(nil))
    let token = String(MaildirName.processToken, radix: 16)
    let us = getpid()
    let cases: [(name: String, age: Int64, goes: Bool)] = [
      ("anything", 40 * 3600, true), ("anything-young", 60, false),
      ("1.M1P\(us)R\(token)Q1.post.example.test", 60, false),
      ("2.M1P\(us)R123Q1.post.example.test", 60, true),
      ("3.M1P999999999R123Q1.post.example.test", 60, true),
      ("4.M1P999999999R123Q1.other.example.test", 60, false),
      ("5.M1P1R123Q1.post.example.test", 60, false),
      ("6.M1P\(us)R\(token)Q1.post.example.test", 37 * 3600, true),
      ("7.M1PxRyQz.post.example.test", 60, false),
    ]
    let files = FakeFileSystem()
    for item in cases { files.put("/m/tmp/\(item.name)", modified: now - item.age) }
    _ = try DurabilityTests.open(files)
    let left = files.found(in: "/m/tmp").keys.sorted()
    #expect(left == cases.filter { !$0.goes }.map(\.name).sorted())
  }

  @Test("names are unique, and safe whatever the host is called")
  func names() throws {
    let names = (0..<10_000).map { _ in MaildirName.next(host: "a/b:c") }
    #expect(Set(names).count == names.count)
    let name = try #require(MaildirName(names[0]))
    #expect(name.process == getpid() && name.host == "a\\057b\\072c")
    #expect(!names[0].contains("/") && !names[0].contains(":"))
  }
}
