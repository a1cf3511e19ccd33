/// How many octets a value holds in arrays, whoever owns them: capacities, not counts.
///
/// Looks at every stored property, private ones too, so that nothing kept is forgotten.
func heldOctets(in value: Any) -> Int {
  if let octets = value as? [UInt8] { return octets.capacity }
  return Mirror(reflecting: value).children.reduce(0) { $0 + heldOctets(in: $1.value) }
}
