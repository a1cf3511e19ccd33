// Octets
