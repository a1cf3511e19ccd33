import Testing

/// The program against the real kernel and real mail programs, one check at a time: each makes
/// a network namespace of its own, and several at once would only compete for the processor.
@Suite("the real world", .serialized, .needsNamespace, .needs("python3"), .needs("ip"))
struct RealWorldTests {
  @Suite("mail programs")
  struct MailPrograms {
    @Test("a person types a mail into telnet", .needs("telnet"))
    func telnet() async throws { try await check("mail", "telnet") }

    @Test("curl delivers a mail", .needs("curl"))
    func curl() async throws { try await check("mail", "curl") }

    @Test("swaks delivers a mail, pipelined", .needs("swaks"))
    func swaks() async throws { try await check("mail", "swaks") }

    @Test("25 MB of 8-bit text with lone dots arrive octet for octet")
    func large() async throws { try await check("mail", "large") }

    @Test("forty clients at once: every mail is kept once")
    func many() async throws { try await check("mail", "many") }

    @Test("what peers get wrong gets the reply the RFC names; nothing is relayed or smuggled")
    func replies() async throws { try await check("mail", "replies") }

    @Test("too many sessions, and silent ones, are told 421")
    func limits() async throws { try await check("mail", "limits") }

    @Test("more large messages under way than the soft limit of open files are all taken")
    func files() async throws { try await check("mail", "files") }

    @Test("a device that is deleted ends the server with one sentence")
    func gone() async throws { try await check("mail", "gone") }

    @Test("SIGTERM finishes the transaction under way and exits 0")
    func farewell() async throws { try await check("mail", "farewell") }

    @Test("a message without its end is never delivered")
    func cutOff() async throws { try await check("mail", "cut_off") }

    @Test("send delivers over the kernel and over our own stack, and its exit codes tell how")
    func send() async throws { try await check("mail", "send") }
  }

  @Suite("attacks on the mail server")
  struct Attacks {
    @Test("no false end of a message makes a second one, each octet in a segment of its own")
    func smuggling() async throws { try await check("attacks", "smuggling") }

    @Test("where line ends are repaired, the end of a message is still what it is")
    func normalized() async throws { try await check("attacks", "normalized") }

    @Test("stuffed dots arrive as they were, wherever they are cut")
    func dots() async throws { try await check("attacks", "dots") }

    @Test("odd octets, lines without end, sizes that lie: each has its reply")
    func commands() async throws { try await check("attacks", "commands") }

    @Test("what follows a BDAT that is refused is no command")
    func chunks() async throws { try await check("attacks", "chunks") }

    @Test("who does not wait for his turn, or speaks another protocol, is cut off")
    func turns() async throws { try await check("attacks", "turns") }

    @Test("what could go on for ever comes to an end")
    func endless() async throws { try await check("attacks", "endless") }

    @Test("through floods of SYNs and behind closed windows the server stays small, and serves")
    func floods() async throws { try await check("attacks", "floods") }

    @Test("who is slow loses the session in time")
    func slow() async throws { try await check("attacks", "slow") }

    @Test("nothing that send is given can put a command into its dialogue")
    func fields() async throws { try await check("attacks", "fields") }
  }

  @Suite("the kernel's TCP and IP")
  struct KernelPeers {
    @Test("ping is answered up to 65,507 octets", .needs("ping"))
    func ping() async throws { try await check("network", "ping") }

    @Test("500 echo connections at once, each byte-exact")
    func echoMany() async throws { try await check("network", "echo_500") }

    @Test("200 MB through echo, with equal SHA-256")
    func echoBulk() async throws { try await check("network", "echo_200_mb") }

    @Test("half close works in both directions")
    func halfClose() async throws { try await check("network", "half_close") }

    @Test("discard and chargen do what their RFCs say")
    func smallServices() async throws { try await check("network", "small_services") }

    @Test("a UDP port nobody has is unreachable")
    func udp() async throws { try await check("network", "udp") }

    @Test("nmap sees five open ports, the others closed", .needs("nmap"))
    func nmap() async throws { try await check("network", "nmap") }

    @Test("tcpdump finds our checksums right", .needs("tcpdump"))
    func tcpdump() async throws { try await check("network", "tcpdump") }

    @Test("tshark finds nothing malformed in what --pcap wrote", .needs("tshark"))
    func tshark() async throws { try await check("network", "tshark") }

    @Test("tshark shows the reason of each frame, and --explain tells it", .needs("tshark"))
    func reasons() async throws { try await check("network", "reasons") }

    @Test("a persistent device is attached to and left as it was")
    func persistentDevice() async throws { try await check("network", "persistent_device") }

    @Test("2,000 connections one after another")
    func reconnect() async throws { try await check("network", "reconnect") }
  }

  @Suite("the command line")
  struct CommandLineUse {
    @Test("each wrong option is named in one sentence, exit code 64")
    func options() async throws { try await check("command", "options") }

    @Test("the configuration file is read, and its errors name file and line")
    func config() async throws { try await check("command", "config") }

    @Test("what is wrong with the machine is said in one sentence, exit code 1", .needs("setpriv"))
    func circumstances() async throws { try await check("command", "circumstances") }

    @Test("a device that has another address keeps it, and that is said", .needs("ping"))
    func otherAddress() async throws { try await check("command", "other_address") }

    @Test("the server outlives the reader of its diagnostics")
    func deaf() async throws { try await check("command", "deaf") }

    @Test("help, and unknown commands")
    func usage() async throws { try await check("command", "usage") }
  }
}
