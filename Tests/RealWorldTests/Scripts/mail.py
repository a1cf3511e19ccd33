"""Real mail programs against `postroad serve`."""

import hashlib
import random
import socket
import subprocess
import threading
import time

from fixture import (DOMAIN, FROM, TO, US, Server, binary, eventually, main, need, sh,
                     stored_text)


class Dialogue:
    """A raw SMTP connection that is read reply by reply."""

    def __init__(self, address=US, port=25, timeout=20):
        self.socket = socket.create_connection((address, port), timeout)
        self.file = self.socket.makefile("rb")

    def reply(self):
        lines = []
        while True:
            line = self.file.readline()
            if not line:
                return "".join(lines)
            lines.append(line.decode())
            if line[3:4] == b" ":
                return "".join(lines)

    def send(self, octets):
        self.socket.sendall(octets)

    def ask(self, line):
        self.send(line.encode() + b"\r\n")
        return self.reply()

    def expect(self, line, code):
        answer = self.ask(line) if line else self.reply()
        assert answer.startswith(str(code)), f"{line!r} was answered {answer!r}, wanted {code}"
        return answer


def telnet():
    need("telnet")
    with Server() as server:
        process = subprocess.Popen(["telnet", US, "25"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0)
        transcript = []

        def wait_for(start):
            while True:
                line = process.stdout.readline().decode()
                assert line, f"telnet ended: {transcript}"
                transcript.append(line)
                if line.startswith(start) and line[3:4] == " ":
                    return

        wait_for("220")
        for typed, answer in [
            ("EHLO me.example.net", "250"), ("MAIL FROM:<me@example.net>", "250"),
            ("RCPT TO:<someone@elsewhere.example>", "550"), (f"RCPT TO:<{TO}>", "250"),
            ("DATA", "354"),
        ]:
            for letter in typed + "\n":  # as fingers do; telnet makes it CR LF
                process.stdin.write(letter.encode())
                time.sleep(0.002)
            wait_for(answer)
        text = "Subject: typed\r\n\r\nIt went by hand.\r\n..and a dot\r\n"
        process.stdin.write(text.replace("\r\n", "\n").encode() + b".\n")
        wait_for("250")
        process.stdin.write(b"QUIT\n")
        wait_for("221")
        process.wait(10)
        [message] = server.messages()
        stored_text(message, text.replace("\r\n..", "\r\n.").encode())


def curl():
    need("curl")
    with Server() as server:
        text = b"From: <a@example.net>\r\nSubject: curl\r\n\r\nhello\r\n.\r\n..two\r\n"
        path = server.folder / "message"
        path.write_bytes(text)
        sh("curl", "-sS", "--mail-from", FROM, "--mail-rcpt", TO, "--upload-file", path,
           f"smtp://{US}")
        [message] = server.messages()
        stored_text(message, text)


def swaks():
    need("swaks")
    with Server() as server:
        done = sh("swaks", "--server", US, "--from", FROM, "--to", TO, "--body",
                  "first\n.\n..second\n", "--pipeline")
        assert b"250" in done.stdout
        [message] = server.messages()
        assert b"\r\n.\r\n..second\r\n" in message.read_bytes()


def large():
    """25 MB with octets above 127, lines of every length, and lone dots."""
    source = random.Random(25)
    lines = [b"Subject: large", b"Content-Transfer-Encoding: 8bit", b""]
    octets = 0
    palette = bytes(octet for octet in range(1, 256) if octet not in (10, 13))
    block = bytes(source.choice(palette) for _ in range(1 << 16))
    while octets < 25_000_000:
        kind = source.randrange(20)
        if kind == 0:
            line = b"."
        elif kind == 1:
            line = b".." + b"." * source.randrange(5)
        else:
            start = source.randrange(len(block) - 998)
            line = block[start: start + source.randrange(998)]
        lines.append(line)
        octets += len(line) + 2
    text = b"\r\n".join(lines) + b"\r\n"
    with Server("--max-size", "30000000") as server:
        with server.smtp(timeout=120) as smtp:
            smtp.sendmail(FROM, [TO], text, mail_options=["BODY=8BITMIME"])
        [message] = server.messages()
        stored_text(message, text)
        kept = message.read_bytes()[-len(text):]
        assert hashlib.sha256(kept).digest() == hashlib.sha256(text).digest()


def many():
    """Forty clients at once, each with several messages in one session."""
    with Server() as server:
        sent, lock, wrong = set(), threading.Lock(), []

        def client(number):
            try:
                with server.smtp() as smtp:
                    for turn in range(5):
                        mark = f"mail-{number}-{turn}"
                        text = f"Subject: {mark}\r\n\r\n" + "x" * (turn * 5000) + "\r\n"
                        smtp.sendmail(FROM, [TO, "info@" + DOMAIN], text)
                        with lock:
                            sent.add(mark)
            except Exception as error:
                wrong.append(error)
        threads = [threading.Thread(target=client, args=(number,)) for number in range(40)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not wrong, wrong[:3]
        got = [line.split(b": ")[1].decode() for path in server.messages()
               for line in path.read_bytes().split(b"\r\n") if line.startswith(b"Subject: ")]
        assert sorted(got) == sorted(sent), f"{len(got)} kept, {len(sent)} sent"


def replies():
    """Replies to what peers get wrong, and the refusal to relay."""
    with Server("--max-size", "1000", "--mailbox", "box") as server:
        peer = Dialogue()
        peer.expect(None, 220)
        for line, code in [
            ("MAIL FROM:<a@example.net>", 503), ("EHLO me.example.net", 250),
            ("FROB", 500), ("RCPT TO:<a@example.test>", 503), ("DATA", 503),
            ("MAIL FROM:a@example.net", 501), ("VRFY box", 252), ("NOOP", 250), ("HELP", 214),
            ("EXPN list", 502), ("MAIL FROM:<a@example.net> SIZE=99999", 552),
            ("MAIL FROM:<a@example.net>", 250),
            ("RCPT TO:<box@foreign.example>", 550), ("RCPT TO:<nobody@example.test>", 550),
            ("RCPT TO:<box%foreign.example@example.test>", 550),
            ("RCPT TO:<box@example.test>", 250), ("RSET", 250), ("MAIL FROM:<>", 250),
            ("RCPT TO:<Postmaster>", 250), ("DATA", 354),
        ]:
            peer.expect(line, code)
        peer.send(b"Subject: too big\r\n\r\n" + b"x" * 70 + b"\r\n" * 1 + (b"y" * 70 + b"\r\n") * 40)
        peer.expect(".", 552)
        peer.expect("QUIT", 221)
        assert peer.file.read() == b"", "the connection stays open after QUIT"

        smuggler = Dialogue()
        smuggler.expect(None, 220)
        for line, code in [("EHLO me.example.net", 250), ("MAIL FROM:<a@example.net>", 250),
                           ("RCPT TO:<box@example.test>", 250), ("DATA", 354)]:
            smuggler.expect(line, code)
        smuggler.send(b"Subject: bare\r\n\r\nfirst\n.\nMAIL FROM:<evil@example.net>\r\n")
        smuggler.expect(".", 550)
        smuggler.expect("QUIT", 221)
        assert server.messages() == [], [path.name for path in server.messages()]


def limits():
    """One session more than may be, or than one peer may have, is told so; a silent one, too."""
    with Server("--max-sessions", "3", "--max-sessions-per-peer", "3", "--idle-timeout", "2"):
        peers = [Dialogue() for _ in range(3)]
        for peer in peers:
            peer.expect(None, 220)
        late = Dialogue()
        late.expect(None, 421)
        began = time.monotonic()
        peers[0].expect(None, 421)
        assert 1 <= time.monotonic() - began < 10
        assert peers[0].file.read() == b""

        def again():
            peer = Dialogue()
            return peer.reply().startswith("220")
        eventually(again, what="a free session")
    with Server("--max-sessions-per-peer", "2"):
        peers = [Dialogue() for _ in range(2)]
        for peer in peers:
            peer.expect(None, 220)
        assert Dialogue().reply().startswith("421 4.7.0 ")
    with Server("--max-sessions", "3"):
        # If nothing is said, one peer may have all but one of few sessions.
        peers = [Dialogue() for _ in range(2)]
        for peer in peers:
            peer.expect(None, 220)
        assert Dialogue().reply().startswith("421 4.7.0 ")


def files():
    """More large messages under way than the soft limit has files: none is put off."""
    with Server(files=40) as server:
        peers = [Dialogue() for _ in range(48)]
        for peer in peers:
            for line, code in [(None, 220), ("EHLO me.example.net", 250), (f"MAIL FROM:<{FROM}>", 250),
                               (f"RCPT TO:<{TO}>", 250), ("DATA", 354)]:
                peer.expect(line, code)
        for peer in peers:
            peer.send((b"x" * 70 + b"\r\n") * 2000)
        for peer in peers:
            peer.expect(".", 250)
        assert len(server.messages()) == len(peers), server.said()


def gone():
    """A device that is deleted ends the server with one sentence that says so."""
    with Server() as server:
        sh("ip", "link", "del", server.device)
        assert server.process.wait(20) == 1
        lines = server.said().splitlines()
        assert len(lines) == 2 and lines[1].startswith(f"error: {server.device} is gone"), lines


def farewell():
    """SIGTERM: what is under way is finished, the rest is told 421, the exit code is 0."""
    with Server() as server:
        idle, busy = Dialogue(), Dialogue()
        idle.expect(None, 220)
        busy.expect(None, 220)
        for line, code in [("EHLO me.example.net", 250), (f"MAIL FROM:<{FROM}>", 250),
                           (f"RCPT TO:<{TO}>", 250), ("DATA", 354)]:
            busy.expect(line, code)
        text = b"Subject: promised\r\n\r\nkept\r\n"
        busy.send(text[:20])
        time.sleep(0.2)
        server.process.terminate()
        idle.expect(None, 421)
        busy.send(text[20:])
        busy.expect(".", 250)
        assert busy.reply().startswith("421")
        assert server.process.wait(15) == 0, server.said()
        [message] = server.messages()
        stored_text(message, text)


def cut_off():
    """A message without its end is never delivered."""
    with Server() as server:
        for reset in (False, True):
            peer = Dialogue()
            peer.expect(None, 220)
            for line, code in [("EHLO me.example.net", 250), (f"MAIL FROM:<{FROM}>", 250),
                               (f"RCPT TO:<{TO}>", 250), ("DATA", 354)]:
                peer.expect(line, code)
            peer.send(b"Subject: half\r\n\r\n" + b"text\r\n" * 5000)
            if reset:
                peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                       b"\1\0\0\0\0\0\0\0")
            peer.file.close()
            peer.socket.close()
        with server.smtp() as smtp:
            smtp.sendmail(FROM, [TO], "Subject: whole\r\n\r\ntext\r\n")
        [message] = server.messages()
        assert b"whole" in message.read_bytes()
        eventually(lambda: not list((server.maildir / "tmp").iterdir()), what="an empty tmp")


def send():
    """`postroad send`: over the kernel, over our own stack, and what its exit codes say."""
    text = b"Subject: sent\r\n\r\n.lone\r\n.\r\nend\r\n"
    with Server() as server:
        def run(*options, text=text):
            return sh(binary(), "send", "--from", FROM, *options, check=False, input=text,
                      timeout=60)
        done = run("--to", TO, "--server", US, "--kernel")
        assert done.returncode == 0, done.stderr
        stored_text(server.messages()[0], text)

        # The other way round: our stack sends, the kernel forwards, our server stores.
        with open("/proc/sys/net/ipv4/ip_forward", "w") as file:
            file.write("1")
        done = run("--to", TO, "--server", US + ":25", "--tun", "pr1",
                   "--address", "198.51.100.1/24")
        assert done.returncode == 0, done.stderr
        assert len(server.messages()) == 2
        for path in server.messages():
            stored_text(path, text)

        done = run("--to", "x@foreign.example", "--server", US, "--kernel")
        assert done.returncode == 1 and b"550" in done.stderr, (done.returncode, done.stderr)
        done = run("--to", TO, "--server", US + ":26", "--kernel")
        assert done.returncode == 69, (done.returncode, done.stderr)
        done = run("--to", "not an address", "--server", US, "--kernel")
        assert done.returncode == 64, (done.returncode, done.stderr)
        done = run("--server", US, "--kernel")
        assert done.returncode == 64, (done.returncode, done.stderr)
    with Server("--max-sessions", "1"):
        hold = Dialogue()
        hold.expect(None, 220)
        done = run("--to", TO, "--server", US, "--kernel")
        assert done.returncode == 75, (done.returncode, done.stderr)


if __name__ == "__main__":
    main({check.__name__: check for check in [
        telnet, curl, swaks, large, many, replies, limits, files, gone, farewell, cut_off, send]})
