/// `struct tcp_info`: every field by its name, and the octets that `TCP_INFO` gives.
///
/// What the stack does not know reads 0, but for fields whose "nothing yet" is another number.
public struct LinuxTCPInfo: Hashable, Sendable {
  /// A field: its name without `tcpi_`, and its octets.
  struct Field: Sendable {
    let name: String
    let size: Int
  }

  /// The fields in their order in memory. The two shifts and the two rate flags share an octet
  /// each; they are written with the first of them.
  static let fields: [Field] = {
    var fields: [Field] = []
    func add(_ size: Int, _ names: String) {
      for name in names.split(separator: " ") {
        fields.append(Field(name: String(name), size: size))
      }
    }
    add(1, "state ca_state retransmits probes backoff options scales rate_flags")
    add(4, "rto ato snd_mss rcv_mss unacked sacked lost retrans fackets")
    add(4, "last_data_sent last_ack_sent last_data_recv last_ack_recv")
    add(4, "pmtu rcv_ssthresh rtt rttvar snd_ssthresh snd_cwnd advmss reordering")
    add(4, "rcv_rtt rcv_space total_retrans")
    add(8, "pacing_rate max_pacing_rate bytes_acked bytes_received")
    add(4, "segs_out segs_in notsent_bytes min_rtt data_segs_in data_segs_out")
    add(8, "delivery_rate busy_time rwnd_limited sndbuf_limited")
    add(4, "delivered delivered_ce")
    add(8, "bytes_sent bytes_retrans")
    add(4, "dsack_dups reord_seen rcv_ooopack snd_wnd rcv_wnd rehash")
    add(2, "total_rto total_rto_recoveries")
    add(4, "total_rto_time received_ce delivered_e1_bytes delivered_e0_bytes delivered_ce_bytes")
    add(4, "received_e1_bytes received_e0_bytes received_ce_bytes")
    add(2, "accecn_fail_mode accecn_opt_seen")
    return fields
  }()

  /// Variables of `tcp_info` that are parts of an octet.
  private static let parts = [
    "snd_wscale", "rcv_wscale", "delivery_rate_app_limited", "ecn_mode", "options2",
  ]

  private var known: [String: Int] = [:]

  init() {}

  /// The value of a field, by its name without `tcpi_`.
  public subscript(_ name: String) -> Int {
    get { known[name] ?? 0 }
    set { known[name] = newValue }
  }

  /// All fields by their names in C.
  public var variables: [String: Int] {
    var variables: [String: Int] = [:]
    for field in Self.fields where field.name != "scales" && field.name != "rate_flags" {
      variables["tcpi_" + field.name] = self[field.name]
    }
    for name in Self.parts { variables["tcpi_" + name] = self[name] }
    return variables
  }

  /// The octets as Linux on x86-64 lays them out.
  public var octets: [UInt8] {
    var octets: [UInt8] = []
    for field in Self.fields {
      let value =
        switch field.name {
        case "scales": self["snd_wscale"] & 15 | (self["rcv_wscale"] & 15) << 4
        case "rate_flags": self["delivery_rate_app_limited"] & 1
        default: self[field.name]
        }
      while octets.count % field.size != 0 { octets.append(0) }
      for index in 0..<field.size { octets.append(UInt8(truncatingIfNeeded: value >> (index * 8))) }
    }
    return octets
  }
}
