/// Octets for people: sixteen a line, with their offset and the printable ones beside them.
public func hexdump(_ octets: Span<UInt8>) -> String {
  let digits = Array("0123456789abcdef".utf8)
  var text: [UInt8] = []
  var line = 0
  while line < octets.count {
    // Four digits, and more where a frame is longer than they tell.
    var highest = 12
    while line >> highest > 15 { highest += 4 }
    for shift in stride(from: highest, through: 0, by: -4) {
      text.append(digits[(line >> shift) & 15])
    }
    text.append(contentsOf: "  ".utf8)
    for column in 0..<16 {
      if line + column < octets.count {
        let octet = Int(octets[line + column])
        text.append(digits[octet >> 4])
        text.append(digits[octet & 15])
      } else {
        text.append(contentsOf: "  ".utf8)
      }
      text.append(UInt8(ascii: " "))
      if column == 7 { text.append(UInt8(ascii: " ")) }
    }
    text.append(UInt8(ascii: " "))
    for column in 0..<min(16, octets.count - line) {
      let octet = octets[line + column]
      text.append((32...126).contains(octet) ? octet : UInt8(ascii: "."))
    }
    text.append(UInt8(ascii: "\n"))
    line += 16
  }
  return String(decoding: text, as: UTF8.self)
}
