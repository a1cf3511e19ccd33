"""The kernel's TCP and IP, and the tools that judge packets, against `postroad serve`."""

import asyncio
import hashlib
import os
import random
import re
import socket
import subprocess
import threading
import time

from fixture import (DEVICE, FROM, TO, US, Server, main, need, sh)


def connect(port, timeout=60):
    return socket.create_connection((US, port), timeout)


def ping():
    need("ping")
    with Server():
        for size in (0, 1, 56, 1472, 1473, 8000, 65507):
            done = sh("ping", "-n", "-c", "2", "-i", "0.2", "-W", "3", "-s", size, US)
            assert b" 0% packet loss" in done.stdout, (size, done.stdout)


def echo_500():
    """500 connections at once, each byte-exact."""
    async def one(number):
        source = random.Random(number)
        data = source.randbytes(20_000 + number)
        reader, writer = await asyncio.open_connection(US, 7)
        writer.write(data[:7])
        await writer.drain()
        got = await reader.readexactly(7)
        started.append(number)
        while len(started) < 500:  # all of them are open before any goes on
            await asyncio.sleep(0.01)
        writer.write(data[7:])
        writer.write_eof()
        got += await reader.read(-1)
        writer.close()
        assert got == data, f"connection {number}: {len(got)} of {len(data)} octets"

    started = []

    async def everyone():
        await asyncio.wait_for(asyncio.gather(*(one(number) for number in range(500))), 120)
    with Server():
        asyncio.run(everyone())


def echo_200_mb():
    """200 MB through echo, with equal SHA-256."""
    total = 200_000_000
    block = random.Random(200).randbytes(1_000_003)
    with Server():
        peer = connect(7)
        sent = hashlib.sha256()

        def write():
            left = total
            while left:
                piece = block[: min(left, len(block))]
                sent.update(piece)
                peer.sendall(piece)
                left -= len(piece)
            peer.shutdown(socket.SHUT_WR)
        writer = threading.Thread(target=write)
        writer.start()
        got, count = hashlib.sha256(), 0
        while piece := peer.recv(1 << 20):
            got.update(piece)
            count += len(piece)
        writer.join()
        assert count == total, f"{count} octets came back"
        assert got.digest() == sent.digest()


def half_close():
    """Each side closes first once, and the other goes on."""
    data = random.Random(1).randbytes(300_000)
    with Server():
        peer = connect(7)
        writer = threading.Thread(target=lambda: (peer.sendall(data),
                                                  peer.shutdown(socket.SHUT_WR)))
        writer.start()
        time.sleep(0.3)  # our half is closed long before we read
        got = b""
        while piece := peer.recv(65536):
            got += piece
        writer.join()
        assert got == data

        peer = connect(13)  # daytime: they close first
        got = b""
        while piece := peer.recv(4096):
            got += piece
        assert re.search(rb"\d\d:\d\d", got), got
        time.sleep(0.2)
        peer.shutdown(socket.SHUT_WR)
        assert peer.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
        peer.close()


def small_services():
    with Server():
        peer = connect(9)
        for _ in range(200):
            peer.sendall(b"d" * 50_000)
        peer.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
        peer = connect(19)
        got = b""
        while len(got) < 74 * 200:
            got += peer.recv(65536)
        assert got[:3] == b" !\"" and got[72:74] == b"\r\n", got[:80]
        assert got[74:76] == b"!\"", got[74:80]
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        peer.close()
        echo = connect(7)  # still there after the reset
        echo.sendall(b"still")
        assert echo.recv(5) == b"still"


def udp():
    """A port nobody listens on is answered with port unreachable."""
    with Server():
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.settimeout(3)
        peer.connect((US, 4))
        peer.send(b"anyone?")
        try:
            peer.recv(10)
            raise AssertionError("an answer from nobody")
        except ConnectionRefusedError:
            pass


def nmap():
    need("nmap")
    with Server():
        done = sh("nmap", "-n", "-Pn", "-sS", "-p", "1-200", "-oG", "-", US)
        open_ports = sorted(int(port) for port in re.findall(rb"(\d+)/open/tcp", done.stdout))
        assert open_ports == [7, 9, 13, 19, 25], done.stdout
        assert b"Ignored State: closed (195)" in done.stdout, done.stdout


def exercise(server):
    with server.smtp() as smtp:
        for size in (0, 1000, 200_000):
            smtp.sendmail(FROM, [TO], "Subject: s\r\n\r\n" + ("y" * 70 + "\r\n") * (size // 72))
    peer = connect(7)
    for size in (1, 1459, 1460, 1461, 99_999):
        peer.sendall(b"e" * size)
        left = size
        while left:
            left -= len(peer.recv(left))
    peer.close()
    try:
        connect(6)
        raise AssertionError("port 6 is open")
    except ConnectionRefusedError:
        pass
    subprocess.run(["ping", "-n", "-c", "1", "-W", "3", "-s", "4000", US], capture_output=True)


def tcpdump():
    """Every checksum of ours is right, on the kernel's side of the device."""
    need("tcpdump")
    with Server() as server:
        path = server.folder / "kernel.pcap"
        dump = subprocess.Popen(
            ["tcpdump", "-Z", "root", "-U", "-s", "0", "-B", "16384", "-i", DEVICE, "-w",
             str(path)], stderr=subprocess.PIPE)
        line = dump.stderr.readline()
        while b"listening" not in line:
            assert line, "tcpdump did not start"
            line = dump.stderr.readline()
        exercise(server)
        time.sleep(0.5)
        # A signal may come between tcpdump's look at its flag and its wait: a frame wakes it then.
        deadline = time.monotonic() + 60
        while dump.poll() is None:
            assert time.monotonic() < deadline, "tcpdump does not end"
            dump.terminate()
            subprocess.run(["ping", "-n", "-c", "1", "-W", "1", US], capture_output=True)
        # With offload the kernel finishes the checksum, after tcpdump has seen the frame.
        lines = sh("tcpdump", "-n", "-vv", "-r", path).stdout.decode().splitlines()
        ours = [first + second for first, second in zip(lines, lines[1:])
                if second.strip().startswith(US + ".")]
        assert len(ours) > 20, f"only {len(ours)} frames of ours"
        wrong = [line for line in ours if "bad cksum" in line or "incorrect" in line]
        server.stop()
        partial(wrong)


def partial(wrong):
    """A checksum the kernel has yet to finish holds the pseudo-header's sum, nothing else."""
    for line in wrong:
        found = re.search(r"length (\d+)\).*?(\d+\.\d+\.\d+\.\d+)\.\d+ > "
                          r"(\d+\.\d+\.\d+\.\d+)\.\d+: .*?cksum 0x([0-9a-f]{4})", line)
        assert found, line
        length, source, destination, field = found.groups()
        words = [6, int(length) - 20]
        for address in (source, destination):
            octets = [int(octet) for octet in address.split(".")]
            words += [octets[0] << 8 | octets[1], octets[2] << 8 | octets[3]]
        total = sum(words)
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        assert total == int(field, 16), f"neither right nor partial: {line}"


def tshark():
    """tshark finds nothing malformed, and no wrong checksum, in what `--pcap` wrote."""
    need("tshark")
    path = None
    with Server("--pcap", "/tmp/postroad-tshark-%d.pcapng" % os.getpid()) as server:
        path = server.options[-1]
        exercise(server)
        assert server.stop() == 0, server.said()
    try:
        options = ["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE",
                   "-o", "udp.check_checksum:TRUE"]
        every = sh("tshark", "-n", "-r", path, *options).stdout.splitlines()
        assert len(every) > 50, f"{len(every)} frames"
        for judgement in ("_ws.malformed", "ip.checksum.status == 0", "tcp.checksum.status == 0",
                          "udp.checksum.status == 0", "icmp.checksum.status == 0",
                          "_ws.expert.severity == error && !icmp"):
            found = sh("tshark", "-n", "-r", path, *options, "-Y", judgement).stdout
            assert not found, f"{judgement}:\n{found.decode()[:1000]}"
    finally:
        os.unlink(path)


def reasons():
    """tshark shows our reason beside each frame, and --explain tells the same on standard error."""
    need("tshark")
    path = "/tmp/postroad-reasons-%d.pcapng" % os.getpid()
    try:
        with Server("--pcap", path, "--explain") as server:
            with server.smtp() as smtp:
                smtp.sendmail(FROM, [TO], "Subject: why\r\n\r\n")
            assert server.stop() == 0, server.said()
            said = server.said()
        frames = sh("tshark", "-n", "-r", path, "-Y", "tcp", "-T", "fields", "-e", "frame.comment",
                    ).stdout.decode().splitlines()
        assert len(frames) > 10, frames
        for comment in frames:
            assert re.search(r"^\w+: .* \(RFC ", comment), frames
        for reason in ("sendSYNACK", "acceptHandshake", "acceptData", "sendLastData", "peerClosed"):
            assert any(reason in comment for comment in frames), (reason, frames)
            assert f"    {reason}: " in said, said
        assert re.search(r"^> .*Flags \[S\.\].*\n    sendSYNACK: ", said, re.M), said
        assert re.search(r"^< .*Flags \[S\].*\n    deliver: .*\n    acceptHandshake: ", said, re.M), said
    finally:
        os.unlink(path)


def persistent_device():
    """A device that exists and is up already is attached to, and stays when we go."""
    sh("ip", "tuntap", "add", "dev", "keep0", "mode", "tun")
    sh("ip", "addr", "add", "192.0.2.2/24", "dev", "keep0")
    sh("ip", "link", "set", "keep0", "up")
    for _ in range(2):
        with Server(device="keep0") as server:
            with server.smtp() as smtp:
                smtp.sendmail(FROM, [TO], "Subject: kept\r\n\r\n")
            assert server.stop() == 0
        sh("ip", "link", "show", "keep0")


def reconnect():
    """Connections by the thousand, one after another: none is refused, none hangs."""
    with Server():
        for _ in range(2000):
            peer = connect(7, timeout=5)
            peer.sendall(b"x")
            assert peer.recv(1) == b"x"
            peer.close()


if __name__ == "__main__":
    main({check.__name__: check for check in [
        ping, echo_500, echo_200_mb, half_close, small_services, udp, nmap, tcpdump, tshark,
        reasons, persistent_device, reconnect]})
