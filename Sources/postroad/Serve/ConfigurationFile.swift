import Foundation

/// A file of settings: lines of `name = value`, with the names of the options; `#` begins a
/// comment line. An option on the command line wins over the file.
enum ConfigurationFile {
  /// Reads the file into the settings; the error names file and line.
  static func read(_ path: String, into settings: inout ServeSettings) throws(SettingError) {
    let text: String
    do {
      // Through a handle, which reads pipes, too.
      let octets = try FileHandle(forReadingFrom: URL(filePath: path)).readToEnd() ?? Data()
      guard let read = String(data: octets, encoding: .utf8) else {
        throw CocoaError(.fileReadInapplicableStringEncoding)
      }
      text = read
    } catch {
      throw SettingError(sentence: "cannot read the configuration file \(path)")
    }
    var number = 0
    var places: [String: Int] = [:]
    // CR LF is one character of Swift's: files from other systems have it.
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      number += 1
      let content = line.trimmingCharacters(in: .whitespaces)
      if content.isEmpty || content.hasPrefix("#") { continue }
      let here = "\(path):\(number): "
      guard let equals = content.firstIndex(of: "=") else {
        throw SettingError(sentence: here + "a line is 'name = value', not '\(content)'")
      }
      let name = content[..<equals].trimmingCharacters(in: .whitespaces)
      let value = content[content.index(after: equals)...].trimmingCharacters(in: .whitespaces)
      if let place = places[name], !ServeSettings.lists.contains(name) {
        throw SettingError(sentence: here + "\(name) is set in line \(place) already")
      }
      places[name] = number
      do throws(SettingError) {
        try settings.set(name, to: value)
      } catch {
        throw SettingError(sentence: here + error.sentence.replacing("--" + name, with: name))
      }
    }
  }
}
