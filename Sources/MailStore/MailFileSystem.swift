import Glibc

/// A call of the file system that failed.
package struct FileSystemError: Error, Hashable, Sendable, CustomStringConvertible {
  /// What was tried, such as `write to`.
  package let operation: String
  /// Where.
  package let path: String
  /// The system's error number (`errno`).
  package let number: Int32

  /// An error from its parts.
  package init(_ operation: String, _ path: String, _ number: Int32) {
    self.operation = operation
    self.path = path
    self.number = number
  }

  /// A sentence for people.
  package var description: String {
    "cannot \(operation) \(path): \(ErrorText.of(number))"
  }

  /// What it means for the message that was being stored.
  package var storeError: MailStoreError {
    switch number {
    case ENOSPC, EDQUOT: .full
    default: .notWritable(operation: operation, path: path, error: number)
    }
  }
}

enum ErrorText {
  /// The system's text for an error number, in lower case.
  static func of(_ number: Int32) -> String {
    guard let text = unsafe strerror(number) else { return "error \(number)" }
    return unsafe String(cString: text).lowercased()
  }
}

/// A file in a folder, with the time it was last changed in seconds since 1970.
package struct FolderEntry: Hashable, Sendable {
  /// Its name.
  package let name: String
  /// Seconds since 1970.
  package let modified: Int64

  /// An entry from its parts.
  package init(name: String, modified: Int64) {
    self.name = name
    self.modified = modified
  }
}

/// What a Maildir needs of a file system. All calls may block. Tests have one in memory that
/// remembers the order of calls and can fail each of them.
package protocol MailFileSystem: Sendable {
  /// Makes a folder for its owner alone; one that exists is fine.
  func makeFolder(_ path: String) throws(FileSystemError)
  /// The files in a folder.
  func entries(of folder: String) throws(FileSystemError) -> [FolderEntry]
  /// Makes a new file and opens it for writing: open(2) with O_CREAT and O_EXCL.
  func create(_ path: String) throws(FileSystemError) -> Int32
  /// Writes all the pieces at the end of the file.
  func write(_ pieces: [[UInt8]], to file: Int32, at path: String) throws(FileSystemError)
  /// Lets the device begin to write, without waiting; only a hint.
  func beginSynchronizing(_ file: Int32)
  /// Waits until the file is on stable storage: fdatasync(2).
  func synchronize(_ file: Int32, at path: String) throws(FileSystemError)
  /// Closes the file.
  func close(_ file: Int32)
  /// Moves a file: rename(2).
  func rename(_ path: String, to target: String) throws(FileSystemError)
  /// Whether files can be moved from one folder to another, without moving any: access(2), stat(2).
  func checkMoves(from folder: String, to target: String) throws(FileSystemError)
  /// Removes a file: unlink(2).
  func remove(_ path: String) throws(FileSystemError)
  /// Waits until the names in a folder are on stable storage: fsync(2) of the folder.
  func synchronizeFolder(_ path: String) throws(FileSystemError)
}
