import Frames
import Glibc
import Octets
import Wire

/// Writes a few inputs for each target; frames of captures join those for `wire`.
func writeSeeds(into directory: String, captures: [String]) -> Bool {
  var isGood = true
  for target in FuzzTarget.allCases {
    let folder = directory + "/" + target.rawValue
    for path in [directory, folder] { _ = unsafe mkdir(path, 0o755) }
    for (index, seed) in seeds(for: target, captures: captures).enumerated() {
      isGood = write(seed, to: "\(folder)/seed-\(index)") && isGood
    }
  }
  return isGood
}

private func write(_ octets: [UInt8], to path: String) -> Bool {
  guard let file = unsafe fopen(path, "w") else {
    print("cannot write \(path)")
    return false
  }
  let count = unsafe fwrite(octets, 1, octets.count, file)
  return unsafe fclose(file) == 0 && count == octets.count
}

private func contents(of path: String) -> [UInt8] {
  guard let file = unsafe fopen(path, "r") else { return [] }
  defer { unsafe fclose(file) }
  var octets = [UInt8](repeating: 0, count: 1 << 20)
  let count = unsafe fread(&octets, 1, octets.count, file)
  return Array(octets.prefix(count))
}

private func seeds(for target: FuzzTarget, captures: [String]) -> [[UInt8]] {
  switch target {
  case .wire: wireSeeds + captures.flatMap(frames)
  case .capture: captureSeeds + captures.map(contents).filter { $0.count < 1 << 16 }
  case .smtpServer: serverDialogues.map { [0, 3] + Array($0.utf8) }
  case .smtpClient: clientDialogues.map { [1, 3] + Array($0.utf8) }
  case .address: addresses.map { Array($0.utf8) }
  case .reassembler: reassemblySeeds
  case .host: hostSeeds
  }
}

private func frames(of path: String) -> [[UInt8]] {
  guard let (frames, _) = try? CaptureFileReader.frames(path: path) else { return [] }
  return frames.prefix(20).map { ($0.linkType == .ethernet ? [1] : [0]) + $0.octets }
}

private var segment: TCPHeader {
  var header = TCPHeader(
    sourcePort: 5000, destinationPort: 25, sequence: SequenceNumber(1000), flags: [.syn],
    window: 65_535)
  header.options.maximumSegmentSize = 1460
  header.options.windowScale = 7
  header.options.sackPermitted = true
  header.options.timestamps = TCPTimestamps(value: 1, echo: 0)
  return header
}

private let wireSeeds: [[UInt8]] = {
  let udp = Packet.udp(5353, 53, Array("hello".utf8))
  let block = TCPHeader(
    sourcePort: 5000, destinationPort: 25, sequence: SequenceNumber(1), flags: [.ack], window: 9)
  let packets = [
    udp, Packet.tcp(segment, []), Packet.tcp(segment, Array("QUIT\r\n".utf8)),
    Packet.tcp(block, rawOptions: [1, 1, 5, 10, 0, 0, 0, 1, 0, 0, 0, 9], []),
    Packet.icmp(.echo(identifier: 1, sequence: 2), [1, 2, 3]),
    Packet.icmp(.unreachable(code: 4, nextHopMTU: 576), Array(udp.prefix(28))),
    Packet.ip(.udp, options: [148, 4, 0, 0], [1, 2, 3, 4]) { $0.moreFragments = true },
  ]
  let arp = ARPPacket(
    operation: .request, senderHardware: theirHardware, senderAddress: theirs,
    targetHardware: MACAddress(rawValue: 0), targetAddress: ours)
  let question = [UInt8](capacity: 28) { arp.emit(into: &$0) }
  return packets.map { [0] + $0 } + [
    [1] + Packet.ethernet(.ipv4, to: ourHardware, udp),
    [1] + Packet.ethernet(.arp, to: .broadcast, question),
    [1] + Packet.ethernet(.vlan, to: ourHardware, [0, 5, 8, 0] + udp),
    [2, 2, 0, 0, 0] + udp, [4] + Array(repeating: 0, count: 14) + [8, 0] + udp,
    [5, 8, 6] + Array(repeating: 0, count: 18) + question,
  ]
}()

private let captureSeeds: [[UInt8]] = {
  let packet = Packet.udp(5353, 53, [1, 2, 3])
  let count = UInt8(packet.count)
  let header: [UInt8] = [2, 0, 4, 0] + Array(repeating: 0, count: 8) + [0, 0, 1, 0, 101, 0, 0, 0]
  let record: [UInt8] = [1, 0, 0, 0, 2, 0, 0, 0, count, 0, 0, 0, count, 0, 0, 0] + packet
  let section: [UInt8] =
    [0x0A, 0x0D, 0x0D, 0x0A, 28, 0, 0, 0, 0x4D, 0x3C, 0x2B, 0x1A, 1, 0, 0, 0]
    + Array(repeating: 255, count: 8) + [28, 0, 0, 0]
  let interface: [UInt8] =
    [1, 0, 0, 0, 32, 0, 0, 0, 101, 0, 0, 0, 0, 0, 1, 0]
    + [9, 0, 1, 0, 9, 0, 0, 0, 0, 0, 0, 0, 32, 0, 0, 0]
  let padding = Array(repeating: UInt8(0), count: (4 - packet.count % 4) % 4)
  let length = UInt8(32 + packet.count + padding.count)
  let block: [UInt8] =
    [6, 0, 0, 0, length, 0, 0, 0] + Array(repeating: 0, count: 12)
    + [count, 0, 0, 0, count, 0, 0, 0] + packet + padding + [length, 0, 0, 0]
  return [
    [0xD4, 0xC3, 0xB2, 0xA1] + header + record + record,
    [0x4D, 0x3C, 0xB2, 0xA1] + header + record,
    section + interface + block + block,
  ]
}()

private let serverDialogues = [
  """
  EHLO me.example.net\r\nMAIL FROM:<a@example.net> SIZE=20 BODY=8BITMIME\r\n\
  RCPT TO:<b@example.test>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n
  """,
  """
  HELO x\r\nMAIL FROM:<>\r\nRCPT TO:<Postmaster>\r\nRCPT TO:<@a,@b:c@example.test>\r\nRSET\r\n\
  NOOP\r\nVRFY a\r\nEXPN b\r\nHELP\r\nFOO\r\n
  """,
  "EHLO [192.0.2.9]\r\nMAIL FROM:<\"a b\"@x>\r\nRCPT TO:<b@other>\r\nDATA\r\n",
  "EHLO a\nMAIL FROM:<a@b>\r\nRCPT TO:<a@example.test>\r\nDATA\r\na\n.\n\r.\r\nx\r\n.\r\nQUIT\r\n",
]

private let clientDialogues = [
  """
  220 hi\r\n250-x\r\n250-PIPELINING\r\n250-SIZE 100\r\n250-8BITMIME\r\n\
  250 ENHANCEDSTATUSCODES\r\n250 2.1.0 a\r\n250 b\r\n354 go\r\n250 kept\r\n221 bye\r\n
  """,
  "220 hi\r\n502 no\r\n250 x\r\n250 a\r\n550 5.1.1 b\r\n221 bye\r\n",
  "554-no\r\n554 no\r\n", "220 x\r\n250 y\r\n250 a\r\n250 b\r\n354 c\r\n452 4.3.1 full\r\n",
]

private let addresses = [
  "a@example.test", "\"a \\\" b\"@example.test", "a.b+c@[192.0.2.1]", "<>", "<Postmaster>",
  "<@one.test,@two.test:a@example.test>", "a@[IPv6:2001:db8::1]", "example.test", "<a@b.c>",
]

private let reassemblySeeds: [[UInt8]] = [
  [0, 0, 4, 0, 4, 4, 32, 8, 2], [32, 8, 2, 0, 0, 4, 0, 4, 4], [0, 0, 4, 0, 2, 4, 0xFF],
  [1, 0, 1, 0x11, 1, 0, 8, 0x31, 2, 0, 5], [0, 0, 2, 8, 0, 2, 2, 40, 0, 4, 1, 0xF8],
]

/// Operations of the host's trial, as ``Trial/step(_:)`` reads them.
private let hostSeeds: [[UInt8]] = {
  // SYN with options; ACK; data; user accepts, reads, sends; FIN.
  let syn: [UInt8] = [0, 0x18, 2, 0x05, 0xB4, 7]
  let ack: [UInt8] = [0, 8, 16]
  let data: [UInt8] = [0, 0x88, 24, 1, 0]
  let loss: [UInt8] = [0, 14, 16, 0, 0, 14, 16, 1, 2, 1, 0, 14, 16, 1, 2, 3, 0, 14, 16, 0]
  let stream = Array(repeating: data, count: 30).flatMap(\.self)
  let fin: [UInt8] = [0, 8, 17]
  let accept: [UInt8] = [216]
  let read: [UInt8] = [209, 0]
  let send: [UInt8] = [207, 0, 4, 0]
  let shut: [UInt8] = [211, 0]
  let connect: [UInt8] = [206, 0]
  let wait: [UInt8] = [190, 31]
  let question: [UInt8] = [182, 0]
  return [0, 1, 2, 4, 5, 8, 9, 18, 32, 42].flatMap { (setup: UInt8) -> [[UInt8]] in
    let begin = [setup] + (setup & 1 == 0 ? [] : question)
    return [
      begin + syn + ack + accept + data + read + send + ack + fin + shut + ack + wait,
      begin + syn + ack + accept + send + wait + ack + data + data + [212, 0],
      begin + syn + ack + accept + stream + read + wait + [0, 0x28, 16, 9, 0, 0] + fin,
      begin + syn + ack + accept + send + ack + send + loss + loss + ack + wait + loss,
      begin + connect + [0, 0x18, 18, 5, 0xB4, 2] + data + send + [0, 0, 4] + wait,
      begin + [140, 5, 1, 2, 3, 4, 5, 141, 3, 1, 2, 3, 150, 0, 0, 5, 166, 4, 0, 1, 166, 4, 0, 0],
      begin + syn + ack + [150, 0, 10, 4, 2, 0x58, 0, 0, 0] + [175, 40, 1, 2, 3, 4, 5, 6, 7, 8],
    ]
  }
}()
