import Octets

/// Walks over the options of an IPv4 or a TCP header, which have one form: kind 0 ends the list,
/// kind 1 is a single octet, every other kind is followed by its length.
///
/// Source: RFC 791 section 3.1; RFC 9293 section 3.1. Each step advances by at least one octet.
/// - Parameter body: called with the kind and the place of each whole option, kind and length
///   octets included.
/// - Returns: where an option's length is impossible, which ends the walk; nil if nowhere.
package func walkOptions(_ options: Span<UInt8>, _ body: (UInt8, Range<Int>) -> Void) -> Int? {
  var place = 0
  while place < options.count {
    let kind = options[place]
    // RFC 9293 3.1 MUST-69: what follows the end of the list is padding.
    if kind == 0 { return nil }
    if kind == 1 {
      place += 1
      continue
    }
    // RFC 9293 3.1 MUST-7, MUST-68: every other option has a length, which may be a lie.
    guard place + 1 < options.count, options[place + 1] >= 2,
      place + Int(options[place + 1]) <= options.count
    else { return place }
    let end = place + Int(options[place + 1])
    body(kind, place..<end)
    place = end
  }
  return nil
}
