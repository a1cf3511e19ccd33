/// A packet script, parsed: its settings and its events in order.
public struct Script: Sendable {
  /// The file's name as the user gave it.
  public let file: String
  /// The language that it is read as.
  let dialect: ScriptDialect
  /// The settings of script and command line together.
  var configuration = ScriptConfiguration()
  /// The command that runs before time zero.
  var prologue: ShellText?
  /// What happens, in the order of the file.
  var events: [ScriptEvent] = []
  /// The command that runs at the end, whatever came before.
  var epilogue: ShellText?
  /// The text, line by line.
  let lines: [String]

  /// How many events the script has.
  public var eventCount: Int { events.count }

  /// Parses a script.
  ///
  /// - Parameters:
  ///   - text: the octets of the file.
  ///   - file: its name, for messages.
  ///   - settings: what the command line says; it wins over the script.
  public init(
    parsing text: [UInt8], file: String, settings: ScriptSettings = ScriptSettings()
  ) throws(ScriptError) {
    var octets = text
    if settings.dialect == .freebsd {
      octets = try ConditionalLines.strip(text, names: settings.conditionNames, file: file)
    }
    lines = String(decoding: octets, as: UTF8.self)
      .split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    self.file = file
    dialect = settings.dialect
    let tokens = try Lexer.tokens(of: octets, file: file)
    var parser = Parser(tokens, file: file, settings: settings)
    try parser.parseScript(into: &self)
  }

  /// The text of an event, its lines trimmed and joined.
  func text(of event: ScriptEvent) -> String {
    let range = (event.line - 1)..<max(event.line, min(event.lastLine, lines.count))
    var parts: [String] = []
    for line in lines[range.clamped(to: 0..<lines.count)] {
      let words = line.split { $0 == " " || $0 == "\t" || $0 == "\r" }
      if !words.isEmpty { parts.append(words.joined(separator: " ")) }
    }
    return parts.joined(separator: " ")
  }

  /// The place of an event.
  func position(of event: ScriptEvent) -> SourcePosition {
    SourcePosition(file: file, line: event.line)
  }
}

/// The language as which tool reads it.
public enum ScriptDialect: String, Sendable, CaseIterable {
  /// As packetdrill reads it.
  case packetdrill
  /// With the additions of the fork with which FreeBSD is tested.
  case freebsd
}

/// What the command line says about the scripts.
public struct ScriptSettings: Sendable {
  /// The language.
  public var dialect = ScriptDialect.packetdrill
  /// Options by name, as `--name=value` at the top of a script.
  public var options: [(name: String, value: String)] = []
  /// Words that stand for others, by name.
  public var definitions: [String: String] = [:]

  /// No settings.
  public init() {}

  /// The names for which `#ifdef` keeps its lines.
  var conditionNames: Set<String> {
    var names = Set(definitions.keys)
    if !names.contains("STANDARD") { names.insert("FreeBSD") }
    return names
  }
}

/// Shell commands of a script, never given to a shell.
struct ShellText: Hashable, Sendable {
  var text: String
  var line: Int
}

/// Something that happens in a script.
struct ScriptEvent: Sendable {
  var time: EventTime
  var action: Action
  /// Its first line and its last, counted from 1.
  var line: Int
  var lastLine: Int

  /// Whether only a stack with IPv6 can have such an event.
  var isForIPv6: Bool {
    switch action {
    case .inbound(let packet), .outbound(let packet):
      if packet.network.flowLabel != nil { return true }
      if case .icmp(let message) = packet.body { return message.isIPv6 }
      return false
    case .call, .command, .code: return false
    }
  }

  enum Action: Sendable {
    /// A packet is handed to the stack.
    case inbound(PacketSyntax)
    /// The stack must send a packet.
    case outbound(PacketSyntax)
    /// A system call is made.
    case call(CallSyntax)
    /// A shell command.
    case command(String)
    /// Assertions about the tracked socket.
    case code(String)
  }
}

/// When an event happens; all numbers are microseconds.
enum EventTime: Hashable, Sendable {
  /// So long after the start.
  case absolute(Int64)
  /// So long after the event before.
  case relative(Int64)
  /// At any time.
  case any
  /// Between two times after the start.
  case absoluteRange(Int64, Int64)
  /// Between two times after the event before.
  case relativeRange(Int64, Int64)

  /// Whether a packet that the stack must send is the only event that can have it.
  var isForOutboundOnly: Bool {
    switch self {
    case .absolute, .relative: false
    case .any, .absoluteRange, .relativeRange: true
    }
  }
}
