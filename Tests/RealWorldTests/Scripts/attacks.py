"""Attacks on mail servers, played with the kernel's sockets against `postroad serve`.

Each compares every reply and, afterwards, what lies in the Maildir.
"""

import os
import random
import select
import socket
import subprocess
import threading
import time

from fixture import DOMAIN, FROM, TO, US, Server, binary, eventually, main, sh
from mail import Dialogue

ENVELOPE = [("EHLO me.example.net", 250), (f"MAIL FROM:<{FROM}>", 250), (f"RCPT TO:<{TO}>", 250),
            ("DATA", 354)]
EVIL = b"MAIL FROM:<evil@example.net>\r\nRCPT TO:<" + TO.encode() + b">\r\nDATA\r\nsmuggled\r\n.\r\n"
SMUGGLING = [b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r.\n", b"\n.\r",
             b"\r\n\0.\r\n", b"\r\n.\0\r\n"]


def begin(steps=ENVELOPE):
    """A dialogue that has come as far as the steps."""
    peer = Dialogue()
    peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.expect(None, 220)
    for line, code in steps:
        peer.expect(line, code)
    return peer


def pieces(peer, octets, cuts):
    """Sends octets so that each piece is a segment of its own."""
    start = 0
    for cut in [*cuts, len(octets)]:
        if cut > start:
            peer.send(octets[start:cut])
            start = cut


def closed(peer, seconds=10):
    """Everything that is said up to the end of the stream."""
    peer.socket.settimeout(seconds)
    try:
        return peer.file.read().decode(errors="replace")
    except ConnectionResetError:
        return ""


def bodies(server):
    """The stored messages, without the lines put in front of them."""
    return [path.read_bytes().split(b"\r\nX: y\r\n", 1)[-1] for path in server.messages()]


def smuggling():
    """No false end of a message makes a second one, each octet in a segment of its own."""
    with Server() as server:
        for end in SMUGGLING:
            peer = begin()
            text = b"X: y\r\n\r\nfirst" + end + EVIL
            pieces(peer, text, range(11, 24))
            answer = peer.reply()
            wanted = "250" if b"\0" in end else "550 5.5.2"
            assert answer.startswith(wanted), (end, answer)
            peer.expect("QUIT", 221)
            assert closed(peer) == ""
        kept = bodies(server)
        assert len(kept) == 2, kept
        assert all(b"MAIL FROM:<evil" in body for body in kept), kept


def normalized():
    """Where a network's line ends are repaired, the end of a message is still what it is."""
    with Server("--normalize-from", "192.0.2.0/24") as server:
        for end in SMUGGLING[:3]:
            peer = begin()
            peer.send(b"X: y\r\n\r\nfirst" + end + EVIL)
            assert peer.reply().startswith("250")
            peer.expect("QUIT", 221)
        kept = bodies(server)
        assert len(kept) == 3 and all(b"MAIL FROM:<evil" in body for body in kept), kept
        assert all(b"\n" not in body.replace(b"\r\n", b"") for body in kept), kept
    with Server("--normalize-from", "203.0.113.0/24") as server:
        peer = begin()
        peer.send(b"X: y\r\n\r\nfirst\n.\n" + EVIL)
        assert peer.reply().startswith("550 5.5.2")
        assert server.messages() == []


def dots():
    """Stuffed dots and the end, cut at every octet: the message is the same each time."""
    travelling = b"X: y\r\n\r\n..\r\n..a\r\n.b\r\n...\r\n.\r\n"
    with Server() as server:
        peer = begin(ENVELOPE[:1])
        for cut in range(1, len(travelling)):
            for line, code in ENVELOPE[1:]:
                peer.expect(line, code)
            pieces(peer, travelling, [cut - 1, cut])
            assert peer.reply().startswith("250"), cut
        kept = bodies(server)
        assert len(kept) == len(travelling) - 1 and set(kept) == {b"\r\n.\r\n.a\r\nb\r\n..\r\n"}, kept


def commands():
    """Octets that no command has, lines without end, sizes that lie."""
    with Server("--max-size", "1000") as server:
        peer = begin(ENVELOPE[:1])
        for line, code in [
            (b"NOOP\0", "501"), (b"RCPT TO:<a\0b@example.test>", "501"), (b"VRFY \x7f", "501"),
            (b"MAIL FROM:<a\x1b[2J@b>", "501"), ("MAIL FROM:<ä@b>".encode(), "553 5.6.7"),
            (b"MAIL FROM:<a@b> SIZE=-1", "501"), (b"MAIL FROM:<a@b> SIZE=1 SIZE=1", "501"),
            (b"MAIL FROM:<a@b> SIZE=99999999999999999999", "501"), (b"STARTTLS", "502"),
            (b"MAIL FROM:<a@b> SIZE=1001", "552 5.3.4"), (b"MAIL FROM:<a@b> X=1", "555"),
            (b"AUTH PLAIN AGEAYg==", "502"), (b"NOOP", "250"),
        ]:
            peer.send(line + b"\r\n")
            answer = peer.reply()
            assert answer.startswith(code), (line, answer)
        for line in [b"NOOP\nRSET", b"NOOP\rRSET"]:
            peer.send(line + b"\r\n")
            answer = peer.reply()
            assert answer.startswith("550 5.5.2") and answer.count("\r\n") == 1, answer
        peer.send(b"x" * 1_000_000 + b"QUIT\r\n")
        assert peer.reply().startswith("500 5.5.2")
        # Said small, sent large: read to its end, and what is in it is not followed.
        for line, code in [(f"MAIL FROM:<{FROM}> SIZE=1", 250), *ENVELOPE[2:]]:
            peer.expect(line, code)
        peer.send(b"X: y\r\n\r\n" + EVIL[:-3] * 20 + b".\r\n")
        assert peer.reply().startswith("552 5.3.4")
        peer.expect("QUIT", 221)
        assert closed(peer) == "" and server.messages() == []


def chunks():
    """BDAT is not offered: its octets are dropped, and a size that is none ends the session."""
    with Server() as server:
        peer = begin(ENVELOPE[:1])
        peer.send(b"BDAT %d LAST\r\n" % len(EVIL))
        pieces(peer, EVIL, range(1, 40))
        assert peer.reply().startswith("502 5.5.1")
        peer.expect("NOOP", 250)
        peer.send(b"BDAT 18446744073709551617\r\n" + EVIL)
        assert peer.reply().startswith("501 5.5.4")
        assert closed(peer) == "" and server.messages() == []


def turns():
    """What is said before a reply that had to be waited for; other protocols."""
    with Server("--greeting-delay", "1") as server:
        for early in (b"EHLO me.example.net\r\n", b"\0", b"\r\n"):
            peer = Dialogue()
            peer.send(early)
            answer = peer.reply()
            assert answer.startswith("554 5.5.1"), answer
            assert closed(peer) == ""
        for steps, text in [
            (0, b"EHLO me.example.net\r\nMAIL FROM:<>\r\n"), (1, b"DATA\r\n" + EVIL),
            (3, b"DATA\r\nX: y\r\n\r\nx\r\n.\r\n"), (1, b"NOOP\r\nNOOP\r\n"),
        ]:
            peer = begin(ENVELOPE[:steps])
            peer.send(text)
            answer = peer.reply()
            assert answer.startswith("554 5.5.0"), (text, answer)
            assert closed(peer) == ""
        for opening in (b"GET / HTTP/1.1\r\n", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n" + EVIL,
                        b"CONNECT 192.0.2.1:25 HTTP/1.1\r\n", b"{}\r\n",
                        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03" + bytes(range(200))):
            peer = begin([])
            peer.send(opening)
            answer = peer.reply()
            assert answer.startswith("502 5.5.1"), (opening, answer)
            assert closed(peer) == ""
        assert server.messages() == []
    with Server("--pipelining", "any") as server:
        peer = Dialogue()
        peer.send(b"EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<" + TO.encode()
                  + b">\r\nDATA\r\nX: y\r\n\r\nx\r\n.\r\nQUIT\r\n")
        assert closed(peer).splitlines()[-1].startswith("221")
        assert bodies(server) == [b"\r\nx\r\n"]


def endless():
    """Commands that bring no message nearer, recipients, errors: each comes to an end."""
    def until_closed(steps, line, most):
        peer = begin(steps)
        last = ""
        for _ in range(most):
            last = peer.ask(line)
            if last.startswith("421"):
                break
        assert last.startswith("421 4.7.0"), (line, last)
        assert closed(peer) == ""
    with Server() as server:
        for line in ("NOOP", "RSET", "VRFY a", "HELP", "EHLO me"):
            until_closed([], line, 110)
        until_closed([], "FROB", 30)
        until_closed(ENVELOPE[:2], "RCPT TO:<a@foreign.example>", 210)
        peer = begin(ENVELOPE[:2])
        for turn in range(1000):
            peer.expect(f"RCPT TO:<a{turn}@{DOMAIN}>", 250)
        peer.expect(f"RCPT TO:<one.more@{DOMAIN}>", 452)
        peer.expect("DATA", 354)
        peer.send(b"X: y\r\n" + b"A: b\r\n" * 1000 + b"\r\n.\r\n")
        assert peer.reply().startswith("554 5.6.0"), "too many lines in the header"
        for line, code in ENVELOPE[1:]:
            peer.expect(line, code)
        peer.send(b"Received: from x\r\n" * 101 + b"\r\n.\r\n")
        assert peer.reply().startswith("554 5.4.6")
        for line, code in ENVELOPE[1:]:
            peer.expect(line, code)
        for _ in range(16):
            peer.send(b"x" * 65_536)
        peer.send(b"\r\n.\r\n")
        assert peer.reply().startswith("554 5.6.0"), "a line of a megabyte"
        assert server.messages() == []


def memory(process):
    """The resident memory of a process, in octets."""
    with open(f"/proc/{process.pid}/status") as file:
        for line in file:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def floods():
    """Half-open connections, closed windows, readers that do not read: the server stays small, and serves."""
    with Server("--max-sessions", "200", "--idle-timeout", "5") as server:
        begin([])
        before = memory(server.process)
        # SYNs from addresses that never answer, written as packets by a socket of our own.
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        source = random.Random(1)
        for _ in range(20_000):
            raw.sendto(syn(source), (US, 0))
        begin([]).expect("QUIT", 221)
        # Peers that ask for much and take nothing: their windows close for ever.
        deaf = []
        for _ in range(100):
            peer = socket.socket()
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
            peer.connect((US, 19 if len(deaf) % 2 else 25))
            deaf.append(peer)
        line = b"RCPT TO:<a@foreign.example>\r\n"
        for peer in deaf[::2]:
            peer.setblocking(False)
            try:
                peer.send(b"EHLO me\r\n")
            except BlockingIOError:
                pass
        time.sleep(0.5)
        for peer in deaf[::2]:
            try:
                peer.send(b"MAIL FROM:<>\r\n" + line * 190)
            except OSError:
                pass
        begin([]).expect("QUIT", 221)
        grown = memory(server.process) - before
        print(f"grown by {grown >> 10} KiB")
        assert grown < 64 << 20, f"{grown} octets more"
        # Who takes nothing is given up: then there is room again.
        for peer in deaf:
            peer.close()
        eventually(lambda: Dialogue().reply().startswith("220"), what="a session")


def syn(source):
    """A SYN to port 25 from a random address and port of 198.18.0.0/15."""
    host = bytes([198, 18 | source.getrandbits(1), source.getrandbits(8), source.getrandbits(8)])
    us = socket.inet_aton(US)
    port = source.randrange(1024, 65536)
    segment = bytearray(port.to_bytes(2, "big") + b"\0\x19" + source.randbytes(4) + bytes(4)
                        + b"\x50\x02\xff\xff\0\0\0\0")
    segment[16:18] = checksum(host + us + b"\0\x06\0\x14" + segment)
    packet = bytearray(b"\x45\0\0\x28\0\0\x40\0\x40\x06\0\0" + host + us)
    packet[10:12] = checksum(packet)
    return bytes(packet + segment)


def checksum(octets):
    total = sum(int.from_bytes(octets[at: at + 2], "big") for at in range(0, len(octets), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (total ^ 0xFFFF).to_bytes(2, "big")


def slow():
    """Who is slow to speak, to send or to read loses the session in time, not before."""
    with Server("--idle-timeout", "2", "--max-sessions", "3", "--max-sessions-per-peer", "3") as server:
        half = begin([])
        half.send(b"NO")
        within = begin()
        within.send(b"X: y\r\n\r\n")
        deaf = begin(ENVELOPE[:1])
        assert half.reply().startswith("421 4.4.2") and closed(half) == ""
        assert within.reply().startswith("421 4.4.2") and closed(within) == ""
        deaf.socket.close()
        deaf.file.close()
        eventually(lambda: Dialogue().reply().startswith("220"), what="a session")
        assert server.messages() == []
        eventually(lambda: not list((server.maildir / "tmp").iterdir()), what="an empty tmp")


def fields():
    """No option of `send` can put a command into the dialogue."""
    with Server() as server:
        def send(*options, text=b"Subject: x\n\n.\n"):
            return sh(binary(), "send", "--server", US, "--kernel", *options, check=False, input=text)
        for evil in ("a@b>\r\nRCPT TO:<evil@example.test", "a@b\nDATA", "a@b\r", "a\x01@b", "a@b>",
                     "\"a\r\nDATA\"@b", "a@[x:y]\r\n"):
            for options in (("--from", evil, "--to", TO), ("--from", FROM, "--to", evil),
                            ("--from", FROM, "--to", TO, "--hostname", evil)):
                done = send(*options)
                assert done.returncode == 64, (options, done.returncode, done.stderr)
        assert server.messages() == []
        for end in SMUGGLING:
            assert send("--from", FROM, "--to", TO, text=b"X: y\r\n\r\na" + end + EVIL).returncode == 0
        kept = bodies(server)
        assert len(kept) == len(SMUGGLING) and all(b"MAIL FROM:<evil" in body for body in kept)


if __name__ == "__main__":
    main({check.__name__: check for check in [
        smuggling, normalized, dots, commands, chunks, turns, endless, floods, slow, fields]})
