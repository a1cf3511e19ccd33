#!/usr/bin/env python3
"""tools/support/kernel-captures.py FOLDER: captures of what the kernel's TCP does with itself.

Makes two network namespaces with a veth pair between them, plays each scene in Python, and lets tcpdump
write what passes. Needs root, ip, tcpdump and, for STARTTLS, openssl. Times and numbers differ each time.
"""
import ctypes, multiprocessing, os, pathlib, shutil, signal, smtplib, socket, ssl, subprocess, sys, tempfile, time

ONE, TWO = f"post-one-{os.getpid()}", f"post-two-{os.getpid()}"
CLIENT, SERVER = "198.51.100.1", "198.51.100.2"
MAIL = "From: ada@example.net\r\nTo: postmaster@example.test\r\nSubject: By the kernel\r\n\r\nHello.\r\n.dot\r\n"


def sh(*words):
    subprocess.run(words, check=True, capture_output=True)


def enter(name):
    """This process goes into a namespace."""
    with open(f"/run/netns/{name}") as namespace:
        # Python has os.setns from 3.12 on only. 0x40000000 is CLONE_NEWNET.
        if ctypes.CDLL(None, use_errno=True).setns(namespace.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")


def serve_mail(listener, certificate=None):
    """One session of a mail server that takes everything."""
    stream = listener.accept()[0]
    lines = stream.makefile("rb")

    def say(text):
        stream.sendall(text.encode() + b"\r\n")
    say("220 two.example.test ESMTP")
    while line := lines.readline().strip().upper():
        if line.startswith(b"EHLO"):
            extra = ["STARTTLS"] if certificate and not isinstance(stream, ssl.SSLSocket) else []
            names = ["two.example.test", *extra, "8BITMIME"]
            say("\r\n".join(f"250{'-' if name != names[-1] else ' '}{name}" for name in names))
        elif line == b"STARTTLS":
            say("220 go ahead")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            stream = context.wrap_socket(stream, server_side=True)
            lines = stream.makefile("rb")
        elif line == b"DATA":
            say("354 end with a dot")
            while lines.readline() != b".\r\n":
                pass
            say("250 kept")
        elif line == b"QUIT":
            say("221 bye")
            break
        else:
            say("250 ok")
    stream.close()


def submit(secure):
    with smtplib.SMTP(SERVER, 25, local_hostname="one.example.net", timeout=20) as smtp:
        if secure:
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            smtp.starttls(context=context)
        smtp.sendmail("ada@example.net", ["postmaster@example.test"], MAIL)


def read_late(listener):
    """Reads nothing for two seconds, then everything."""
    stream = listener.accept()[0]
    time.sleep(2)
    while stream.recv(65536):
        pass


def write_much():
    with socket.create_connection((SERVER, 25), timeout=20) as stream:
        stream.sendall(b"." * 16_000)


def stay(listener):
    stream = listener.accept()[0]
    stream.recv(10)
    stream.close()


def idle():
    with socket.create_connection((SERVER, 25), timeout=20) as stream:
        for option, value in ((socket.TCP_KEEPIDLE, 1), (socket.TCP_KEEPINTVL, 1)):
            stream.setsockopt(socket.IPPROTO_TCP, option, value)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        time.sleep(3.5)
        stream.sendall(b".")


def record(path, server, client, *, buffer=None):
    ready = multiprocessing.Event()

    def serve():
        enter(TWO)
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        listener.bind((SERVER, 25))
        listener.listen()
        ready.set()
        server(listener)
        listener.close()

    def ask():
        enter(ONE)
        client()
    dump = subprocess.Popen(
        ["ip", "netns", "exec", ONE, "tcpdump", "-U", "--immediate-mode", "-Z", "root", "-i", "veth", "-w", path, "tcp"],
        stderr=subprocess.PIPE)
    dump.stderr.readline()
    context = [multiprocessing.Process(target=work) for work in (serve, ask)]
    context[0].start()
    ready.wait(10)
    context[1].start()
    for process in context:
        process.join(30)
        process.kill()
    time.sleep(0.3)
    dump.send_signal(signal.SIGINT)
    dump.wait(10)


def main():
    folder = pathlib.Path(sys.argv[1])
    multiprocessing.set_start_method("fork")
    try:
        for name in (ONE, TWO):
            sh("ip", "netns", "add", name)
        sh("ip", "-n", ONE, "link", "add", "veth", "type", "veth", "peer", "name", "veth", "netns", TWO)
        for name, address in ((ONE, CLIENT), (TWO, SERVER)):
            sh("ip", "-n", name, "addr", "add", f"{address}/24", "dev", "veth")
            sh("ip", "-n", name, "link", "set", "veth", "up")
            if shutil.which("ethtool"):
                sh("ip", "netns", "exec", name, "ethtool", "-K", "veth", "tx", "off", "tso", "off", "gso", "off")
        record(folder / "kernel-mail.pcap", serve_mail, lambda: submit(False))
        record(folder / "kernel-zero-window.pcap", read_late, write_much, buffer=4096)
        record(folder / "kernel-keepalive.pcap", stay, idle)
        with tempfile.TemporaryDirectory() as work:
            certificate = f"{work}/both.pem"
            sh("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
               "-nodes", "-days", "3650", "-subj", "/CN=two.example.test", "-keyout", certificate,
               "-out", f"{work}/certificate.pem")
            with open(certificate, "a") as both:
                both.write(pathlib.Path(f"{work}/certificate.pem").read_text())
            record(folder / "kernel-starttls.pcap", lambda listener: serve_mail(listener, certificate),
                   lambda: submit(True))
    finally:
        for name in (ONE, TWO):
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL)


main()
