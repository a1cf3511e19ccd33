import Glibc

/// Which rules a run of the tests has followed: with POSTROAD_RULE_CENSUS in the environment every
/// rule that some ledger notes leaves an empty file of its name in that folder, for `tools/rules`.
///
/// In debug builds only; there, too, nothing is done unless the variable is set.
enum RuleCensus {
  #if DEBUG
    private static let folder: String? = unsafe getenv("POSTROAD_RULE_CENSUS").map {
      unsafe String(cString: $0)
    }

    /// Whether somebody wants to know.
    static var isTaken: Bool { folder != nil }

    /// A ledger has noted this rule for the first time.
    static func note(_ name: String) {
      guard let folder else { return }
      let descriptor = unsafe open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
      if descriptor >= 0 { close(descriptor) }
    }
  #else
    static var isTaken: Bool { false }
    static func note(_ name: String) {}
  #endif
}
