import Glibc

/// The file system of the machine. Every call that a signal interrupts is made again.
package struct KernelFileSystem: MailFileSystem {
  /// The file system.
  package init() {}

  /// Makes a folder with mode 0700.
  package func makeFolder(_ path: String) throws(FileSystemError) {
    guard unsafe mkdir(path, 0o700) != 0 else { return }
    let number = errno
    guard number == EEXIST else { throw FileSystemError("make the folder", path, number) }
    var facts = stat()
    guard unsafe stat(path, &facts) == 0 else { throw FileSystemError("look at", path, errno) }
    guard facts.st_mode & S_IFMT == S_IFDIR else {
      throw FileSystemError("use as a folder", path, ENOTDIR)
    }
  }

  /// The files in a folder, but not the folders in it.
  package func entries(of folder: String) throws(FileSystemError) -> [FolderEntry] {
    guard let stream = unsafe opendir(folder) else {
      throw FileSystemError("read the folder", folder, errno)
    }
    defer { _ = unsafe closedir(stream) }
    var found: [FolderEntry] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        unsafe String(cString: UnsafeRawPointer($0).assumingMemoryBound(to: CChar.self))
      }
      guard name != ".", name != ".." else { continue }
      var facts = stat()
      guard unsafe lstat("\(folder)/\(name)", &facts) == 0, facts.st_mode & S_IFMT == S_IFREG
      else { continue }
      found.append(FolderEntry(name: name, modified: Int64(facts.st_mtim.tv_sec)))
    }
    return found
  }

  /// Makes a new file with mode 0600.
  package func create(_ path: String) throws(FileSystemError) -> Int32 {
    let file = retrying {
      unsafe open(path, O_CREAT | O_EXCL | O_WRONLY | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
    }
    guard file >= 0 else { throw FileSystemError("create", path, errno) }
    return file
  }

  /// Writes all the pieces, however many calls it takes.
  package func write(
    _ pieces: [[UInt8]], to file: Int32, at path: String
  ) throws(FileSystemError) {
    for piece in pieces {
      var done = 0
      while done < piece.count {
        let wrote = retrying {
          unsafe piece.withUnsafeBytes { buffer in
            unsafe Glibc.write(
              file, buffer.baseAddress?.advanced(by: done), buffer.count - done)
          }
        }
        guard wrote > 0 else { throw FileSystemError("write to", path, wrote < 0 ? errno : EIO) }
        done += wrote
      }
    }
  }

  /// A hint only: errors come with ``synchronize(_:at:)``. Linux begins to write what is dirty
  /// when it is told that the pages are not needed any more.
  package func beginSynchronizing(_ file: Int32) {
    _ = posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED)
  }

  /// Waits for the octets and the length.
  package func synchronize(_ file: Int32, at path: String) throws(FileSystemError) {
    guard retrying({ fdatasync(file) }) == 0 else {
      throw FileSystemError("make durable", path, errno)
    }
  }

  /// Closes the file; what matters was told by ``synchronize(_:at:)``.
  package func close(_ file: Int32) { _ = Glibc.close(file) }

  /// Moves a file.
  package func rename(_ path: String, to target: String) throws(FileSystemError) {
    guard unsafe Glibc.rename(path, target) == 0 else {
      throw FileSystemError("move to", target, errno)
    }
  }

  /// Whether the target may be written to, and is on the same device.
  package func checkMoves(
    from folder: String, to target: String
  ) throws(FileSystemError) {
    guard unsafe access(target, W_OK | X_OK) == 0 else {
      throw FileSystemError("write to", target, errno)
    }
    var (here, there) = (stat(), stat())
    guard unsafe stat(folder, &here) == 0, unsafe stat(target, &there) == 0 else {
      throw FileSystemError("look at", target, errno)
    }
    guard here.st_dev == there.st_dev else {
      throw FileSystemError("move files to", target, EXDEV)
    }
  }

  /// Removes a file.
  package func remove(_ path: String) throws(FileSystemError) {
    guard unsafe unlink(path) == 0 else { throw FileSystemError("remove", path, errno) }
  }

  /// Waits for the names in a folder.
  package func synchronizeFolder(_ path: String) throws(FileSystemError) {
    let folder = retrying { unsafe open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
    guard folder >= 0 else { throw FileSystemError("open the folder", path, errno) }
    defer { _ = Glibc.close(folder) }
    guard retrying({ fsync(folder) }) == 0 else {
      throw FileSystemError("make durable", path, errno)
    }
  }

  private func retrying<Number: SignedInteger>(_ call: () -> Number) -> Number {
    while true {
      let result = call()
      if result < 0, errno == EINTR { continue }
      return result
    }
  }
}
