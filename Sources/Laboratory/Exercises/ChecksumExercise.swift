import Octets
import TCPCore
import Wire

/// Two checksums, computed by hand.
struct ChecksumExercise: Exercise {
  let name = "checksum"
  let title = "The Internet checksum"

  let text = """
    Every IPv4 header and every TCP segment carries a checksum: the *ones' complement of the ones'
    complement sum* of its 16-bit words (RFC 1071 section 1, RFC 791 section 3.1, RFC 9293 section
    3.1). To compute it:

    1. Put 0 into the checksum's own field.
    2. Read the octets as 16-bit words, the first octet of each pair being the higher.
       If a single octet is left at the end, the word's lower half is 0.
    3. Add all words. Whenever the sum needs more than 16 bits, add what is above them to the rest
       ("end-around carry"): 0x1A2B3 becomes 0xA2B3 + 1.
    4. Turn over every bit of the result.

    IPv4's covers the header only. TCP's covers the header, the payload, and a *pseudo-header* of 12
    octets in front that is never sent: source address, destination address, a zero octet, the
    protocol number (6), and the length of the segment, header and payload together (RFC 9293
    section 3.1). So a segment that was delivered to a wrong address is noticed.

    `packet.txt` has a packet whose two checksum fields are 0. Which numbers belong there? You may
    write a program: that is how it is done.
    """

  let hints = [
    "The IPv4 header is the first 20 octets: ten words, one of which is 0 now.",
    "The TCP segment is 25 octets: its last word is the last octet followed by a zero.",
    "The pseudo-header's words are: two of the source, two of the destination, 0x0006, 0x0019.",
  ]

  /// The packet, its checksums 0.
  static let packet: [UInt8] = {
    var run = LaboratoryScene.transfer(5).configured { $0.usesTimestamps = false }
    run.inputs[1] = RunInput(.milliseconds(100), .client, .send(Array("Hello".utf8)))
    let frames = run.record().frames
    guard var octets = frames.first(where: { $0.segment.count == 5 })?.octets else { return [] }
    for place in [10, 11, 36, 37] { octets[place] = 0 }
    return octets
  }()

  private static func sum(_ octets: [UInt8]) -> UInt16 {
    var sum = InternetChecksum()
    sum.add(octets.span)
    return sum.value
  }

  private static var pseudoHeader: [UInt8] {
    Array(packet[12..<20]) + [0, 6, 0, UInt8(packet.count - 20)]
  }

  private static func swapped(_ value: UInt16) -> Int { Int(value.byteSwapped) }

  private var questions: [NumberQuestion] {
    let header = Self.sum(Array(Self.packet.prefix(20)))
    let segment = Array(Self.packet.dropFirst(20))
    let whole = Self.sum(Self.pseudoHeader + segment)
    let notTurned = "the sum is right, but its bits are not turned over (step 4)"
    return [
      NumberQuestion(
        name: "header", ask: "IPv4's Header Checksum, such as 0x1234.", key: Int(header),
        mistakes: [
          Int(~header): notTurned,
          Self.swapped(header): "its two octets are the wrong way round (step 2)",
          Int(Self.sum(Self.packet)): "IPv4's checksum covers its header only, 20 octets",
        ],
        otherwise: "sum the ten words of the header, fold the carries, turn the bits over",
        hint: hints[0]),
      NumberQuestion(
        name: "segment", ask: "TCP's Checksum.", key: Int(whole),
        mistakes: [
          Int(~whole): notTurned,
          Self.swapped(whole): "its two octets are the wrong way round (step 2)",
          Int(Self.sum(segment)): "the pseudo-header is missing from the sum",
          Int(Self.sum(Self.pseudoHeader + segment.dropLast() + [0, segment.last ?? 0])):
            "the last, single octet is the higher half of its word, and the lower is 0",
          Int(Self.sum(Self.pseudoHeader + segment.dropLast())):
            "the last, single octet is missing",
          Int(Self.sum(Self.pseudoHeader + segment.prefix(20))):
            "the payload is covered too, not only the header",
        ],
        otherwise: "sum the pseudo-header, the header and the payload, and turn the bits over",
        hint: hints[2]),
    ]
  }

  var files: [ExerciseFile] {
    var text = "A segment with 5 octets of data; its checksums are set to 0.\n\n"
    text += hexdump(Self.packet.span) + "\n"
    for field in PacketDissection.fields(of: Self.packet) {
      let isAsked = field.name.hasSuffix("Checksum")
      let place = Columns.pad("\(field.offset)", 4, left: true)
      text += "\(place)  \(Columns.pad(field.name, 24))\(isAsked ? "?" : field.value)\n"
    }
    return [
      ExerciseFile("packet.txt", text),
      ExerciseFile("answer.txt", AnswerForm.text(questions.map { ($0.name, $0.ask) })),
    ]
  }

  func judge(_ folder: ExerciseFolder) throws -> String {
    let questions = questions
    let sheet = try AnswerSheet(folder, names: questions.map(\.name))
    for question in questions { try question.judge(sheet) }
    return "both checksums are those that our stack puts there"
  }
}
