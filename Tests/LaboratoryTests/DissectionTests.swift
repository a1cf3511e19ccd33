import Laboratory
import Octets
import Testing

/// Packets, field by field.
@Suite("dissection")
struct DissectionTests {
  @Test(
    "the fields of every packet touch all its octets, in order", arguments: LaboratoryScene.allCases
  )
  func complete(scene: LaboratoryScene) {
    for frame in scene.run(seed: 2).record().frames {
      let fields = PacketDissection.fields(of: frame.octets)
      var touched = 0
      for field in fields {
        #expect(field.offset <= touched, "a gap before \(field)")
        #expect(field.count > 0)
        touched = max(touched, field.offset + field.count)
      }
      #expect(touched == frame.octets.count)
    }
  }

  @Test("a SYN's fields have the names and values of RFC 791 and RFC 9293")
  func names() throws {
    let syn = try #require(LaboratoryScene.mail.run().record().frames.first)
    let fields = PacketDissection.fields(of: syn.octets)
    #expect(
      fields.map(\.name).prefix(22) == [
        "Version", "IHL", "Type of Service", "Total Length", "Identification", "Flags",
        "Fragment Offset", "Time to Live", "Protocol", "Header Checksum", "Source Address",
        "Destination Address", "Source Port", "Destination Port", "Sequence Number",
        "Acknowledgment Number", "Data Offset", "Reserved", "Control bits", "Window", "Checksum",
        "Urgent Pointer",
      ])
    func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }
    #expect(value("Source Address") == "192.0.2.1")
    #expect(value("Destination Port") == "25")
    #expect(value("Control bits") == "SYN")
    #expect(value("Maximum Segment Size") == "1460")
    #expect(value("Flags") == "DF")
    #expect(value("Checksum")?.hasSuffix("right") == true)
    #expect(value("Header Checksum")?.hasSuffix("right") == true)
    #expect(fields.first { $0.name == "Window Scale" }?.source == "RFC 7323 2.2")
  }

  @Test("octets that are no packet, or cut off anywhere, are told without a trap")
  func hostile() throws {
    let frame = try #require(LaboratoryScene.mail.run().record().frames.first)
    var random = RandomSource.seeded(5)
    for length in 0...frame.octets.count {
      _ = PacketDissection.fields(of: Array(frame.octets.prefix(length)))
    }
    for _ in 0..<20_000 {
      var octets = frame.octets
      for _ in 0..<Int.random(in: 1...4, using: &random) {
        octets[Int.random(in: octets.indices, using: &random)] = UInt8.random(
          in: .min ... .max, using: &random)
      }
      let fields = PacketDissection.fields(of: octets)
      #expect(fields.allSatisfy { $0.offset + $0.count <= octets.count })
      for alteration in Alteration.allCases { _ = alteration.intervention(on: octets) }
    }
  }
}
