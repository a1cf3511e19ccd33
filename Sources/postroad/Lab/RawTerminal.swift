import Glibc
import Laboratory
import Synchronization

/// Where signals are told; the pipe's end that a handler may write to.
private let signalPipe = Atomic<Int32>(-1)

/// A terminal in raw mode, on its other screen; put back as it was in the end.
struct RawTerminal: ~Copyable {
  /// Why waiting has ended.
  enum Event {
    /// Octets were typed.
    case typed([UInt8])
    /// The size may be another.
    case resized
    /// A signal asks to end, or the terminal is gone.
    case ended
  }

  private let before: termios
  private let readEnd: Int32
  private let writeEnd: Int32

  /// Nil if standard input or output is no terminal.
  init?() {
    guard isatty(STDIN_FILENO) == 1, isatty(STDOUT_FILENO) == 1 else { return nil }
    var settings = termios()
    guard unsafe tcgetattr(STDIN_FILENO, &settings) == 0 else { return nil }
    var ends: [Int32] = [-1, -1]
    guard unsafe pipe(&ends) == 0 else { return nil }
    for end in ends { _ = fcntl(end, F_SETFL, O_NONBLOCK) }
    before = settings
    (readEnd, writeEnd) = (ends[0], ends[1])
    signalPipe.store(writeEnd, ordering: .sequentiallyConsistent)
    // The handler may only do what is safe at any moment: a write.
    for signal in [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGWINCH] {
      var action = sigaction()
      unsafe action.__sigaction_handler.sa_handler = { number in
        var octet = UInt8(truncatingIfNeeded: number)
        let saved = errno
        _ = unsafe write(signalPipe.load(ordering: .sequentiallyConsistent), &octet, 1)
        errno = saved
      }
      action.sa_flags = SA_RESTART
      _ = unsafe sigaction(signal, &action, nil)
    }
    unsafe cfmakeraw(&settings)
    _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
    // The other screen, without a cursor, without lines that wrap.
    Self.put("\u{1B}[?1049h\u{1B}[?25l\u{1B}[?7l\u{1B}[2J")
  }

  deinit {
    Self.put("\u{1B}[?7h\u{1B}[?25h\u{1B}[?1049l")
    var settings = before
    _ = unsafe tcsetattr(STDIN_FILENO, TCSADRAIN, &settings)
    for number in [SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGWINCH] {
      _ = signal(number, SIG_DFL)
    }
    signalPipe.store(-1, ordering: .sequentiallyConsistent)
    close(readEnd)
    close(writeEnd)
  }

  /// Columns and lines; 80 x 24 where the terminal does not say.
  var size: (columns: Int, rows: Int) {
    var size = winsize()
    guard unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0,
      size.ws_row > 0
    else { return (80, 24) }
    return (Int(size.ws_col), Int(size.ws_row))
  }

  /// Waits for a key or a signal.
  func wait() -> Event {
    while true {
      var wanted = [
        pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0),
        pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0),
      ]
      let ready = unsafe poll(&wanted, 2, -1)
      guard ready > 0 else {
        if errno == EINTR { continue }
        return .ended
      }
      if wanted[1].revents != 0 {
        let signals = Self.octets(from: readEnd)
        return signals.allSatisfy { Int32($0) == SIGWINCH } ? .resized : .ended
      }
      let typed = Self.octets(from: STDIN_FILENO)
      return typed.isEmpty ? .ended : .typed(typed)
    }
  }

  /// Draws a whole screen.
  func draw(_ lines: [ScreenLine], hasColours: Bool) {
    var text = "\u{1B}[H"
    for (row, line) in lines.enumerated() {
      if row > 0 { text += "\r\n" }
      let code = Self.code(line.style, hasColours)
      text += code.isEmpty ? line.text : "\u{1B}[\(code)m\(line.text)\u{1B}[0m"
    }
    Self.put(text)
  }

  private static func code(_ style: ScreenLine.Style, _ hasColours: Bool) -> String {
    switch style {
    case .plain: ""
    case .bar: "7"
    case .faint: "2"
    case .strong: "1"
    case .lost: hasColours ? "31" : "1"
    case .again: hasColours ? "33" : ""
    }
  }

  private static func octets(from descriptor: Int32) -> [UInt8] {
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = unsafe read(descriptor, &buffer, buffer.count)
    return Array(buffer.prefix(max(count, 0)))
  }

  private static func put(_ text: String) {
    // Where the terminal is gone there is nobody to tell.
    try? postroad.put(Array(text.utf8))
  }
}
