"""What a person may get wrong on the command line, and what is said then."""

import pathlib
import re
import shutil
import smtplib
import subprocess
import tempfile

from fixture import (DEVICE, DOMAIN, KERNEL, TO, FROM, US, Server, binary, main, need, sh)

GOOD = {"--tun": DEVICE, "--address": f"{US}/24", "--peer": KERNEL}


def serve(changes=(), prefix=(), maildir=None, timeout=20):
    """Runs serve with the good options changed; it is expected to give up."""
    folder = tempfile.mkdtemp(prefix="postroad-")
    options = dict(GOOD)
    options["--maildir"] = maildir or folder + "/Maildir"
    extra = []
    for name, value in changes:
        if value is None:
            options.pop(name, None)
        elif name in options:
            options[name] = value
        else:
            extra += [name, value]
    words = [word for pair in options.items() for word in pair]
    try:
        return sh(*prefix, binary(), "serve", *words, *extra, check=False, timeout=timeout)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def expect(done, code, pattern, what):
    said = done.stderr.decode()
    assert done.returncode == code, f"{what}: exit {done.returncode}, wanted {code}: {said}"
    first = said.splitlines()[0] if said else ""
    assert re.search(pattern, first), f"{what}: said {said!r}, wanted {pattern!r}"
    assert "Fatal" not in said and "Error(" not in said, said


def options():
    """Each wrong option: one clear sentence that names it, and exit code 64."""
    table = [
        ([("--tun", None)], "--tun"),
        ([("--tun", "a-name-far-too-long")], "--tun.*15"),
        ([("--address", None)], "--address"),
        ([("--address", "192.0.2.1")], "--address.*192.0.2.1"),
        ([("--address", "192.0.2.300/24")], "--address.*192.0.2.300"),
        ([("--peer", "nobody")], "--peer.*nobody"),
        ([("--peer", "198.51.100.9")], "--peer.*198.51.100.9"),
        ([("--service", "gopher")], "--service.*gopher"),
        ([("--congestion", "hope")], "--congestion.*hope"),
        ([("--max-size", "many")], "--max-size.*many"),
        ([("--max-size", "-1")], "--max-size"),
        ([("--idle-timeout", "0")], "--idle-timeout"),
        ([("--max-sessions", "0")], "--max-sessions"),
        ([("--max-sessions-per-peer", "0")], "--max-sessions-per-peer"),
        ([("--greeting-delay", "-1")], "--greeting-delay"),
        ([("--pipelining", "some")], "--pipelining.*some"),
        ([("--normalize-from", "192.0.2.0/33")], "--normalize-from.*192.0.2.0/33"),
        ([("--smtp-port", "70000")], "--smtp-port.*70000"),
        ([("--smtp-port", "7"), ("--service", "echo")], "7"),
        ([("--hostname", "not a name")], "--hostname.*not a name"),
        ([("--domain", "bad-.x")], "--domain.*bad-"),
        ([("--mailbox", "a b")], "--mailbox.*a b"),
        ([("--config", "/nowhere/postroad.conf")], "/nowhere/postroad.conf"),
        ([("--frobnicate", "1")], "--frobnicate"),
    ]
    for changes, pattern in table:
        expect(serve(changes), 64, pattern, changes)


def config():
    """A configuration file names its line; the command line wins over it."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postroad-"))
    path = folder / "postroad.conf"
    try:
        for text, line, word in [
            ("tun = pr0\naddress 192.0.2.1/24\n", 2, "address"),
            ("# good\n\nspeed = 3\n", 3, "speed"),
            ("max-size = -3\n", 1, "-3"),
            ("service = echo,gopher\n", 1, "gopher"),
            ("config = other\n", 1, "config"),
        ]:
            path.write_text(text)
            expect(serve([("--config", str(path))]), 64,
                   re.escape(f"{path}:{line}:") + f".*{word}", text)
        path.write_text("# postroad\nmax-sessions = 1\nhostname=other.example.test\n"
                        "mailbox = one\nmailbox = two\n")
        with Server("--config", path) as server:
            with server.smtp() as smtp:
                assert smtp.ehlo()[1].startswith(b"post.example.test"), smtp.ehlo_resp
                smtp.mail(FROM)
                assert smtp.rcpt("two@" + DOMAIN)[0] == 250
                assert smtp.rcpt("three@" + DOMAIN)[0] == 550
    finally:
        shutil.rmtree(folder)


def circumstances():
    """What is wrong with the machine, not with the words: exit code 1."""
    with Server():
        expect(serve(), 1, f"{DEVICE}.*(in use|busy)", "a device in use")
        expect(serve([("--tun", "pr9"), ("--address", f"{KERNEL}/24"), ("--peer", None)]), 1,
               f"{KERNEL} is the kernel's own address, on {DEVICE}", "an address of the kernel")
        assert "pr9" not in sh("ip", "link").stdout.decode()
    need("setpriv")
    done = serve([("--tun", "pr9")], prefix=("setpriv", "--bounding-set=-net_admin"))
    expect(done, 1, "CAP_NET_ADMIN", "no capability")
    expect(serve([("--tun", "lo")]), 1, "lo exists and is not", "another kind of device")
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postroad-"))
    try:
        (folder / "file").write_text("")
        expect(serve(maildir=str(folder / "file")), 1, "file", "a Maildir that is a file")
        expect(serve(maildir="/proc/Maildir"), 1, "/proc/Maildir", "a Maildir nobody may write")
        expect(serve([("--pcap", str(folder / "no" / "x.pcapng"))]), 1, "x.pcapng", "--pcap")
    finally:
        shutil.rmtree(folder)


def other_address():
    """A device that has another address keeps it, and that is said."""
    sh("ip", "tuntap", "add", "dev", DEVICE, "mode", "tun")
    sh("ip", "addr", "add", "198.51.100.7/24", "dev", DEVICE)
    with Server() as server:
        assert re.search(f"note: {DEVICE} has the address 198.51.100.7 already.*{KERNEL}",
                         server.said()), server.said()
        sh("ip", "route", "add", US, "dev", DEVICE)
        sh("ping", "-c", "1", "-W", "5", US)
    assert "198.51.100.7/24" in sh("ip", "addr", "show", DEVICE).stdout.decode()


def deaf():
    """Whoever reads the diagnostics may go away: the server serves on, and ends well."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="postroad-"))
    words = [word for pair in GOOD.items() for word in pair]
    process = subprocess.Popen(
        [binary(), "serve", *words, "--maildir", str(folder / "Maildir"), "--domain", DOMAIN,
         "--explain"], stderr=subprocess.PIPE)
    try:
        for line in process.stderr:
            if line == b"postroad: ready\n":
                break
        process.stderr.close()
        with smtplib.SMTP(US, 25, timeout=30) as smtp:
            smtp.sendmail(FROM, [TO], b"Subject: x\r\n\r\nunheard\r\n")
        assert len(list((folder / "Maildir" / "new").iterdir())) == 1
        process.terminate()
        assert process.wait(15) == 0, process.returncode
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def usage():
    """Help, versions and unknown commands."""
    for command, code, pattern in [
        ((), 0, "serve"), (("--help",), 0, "serve"), (("serve", "--help"), 0, "--maildir"),
        (("fly",), 64, "fly"), (("replay",), 64, "file"), (("demo", "--loss", "2"), 64, "loss"),
        (("replay", "/nowhere.pcap"), 1, "/nowhere.pcap"),
        (("send", "--from", FROM, "--to", TO, "--server", US), 64, "--tun.*--kernel"),
    ]:
        done = sh(binary(), *command, check=False, timeout=30)
        said = (done.stdout + done.stderr).decode()
        assert done.returncode == code, (command, done.returncode, said)
        assert re.search(pattern, said), (command, said)


if __name__ == "__main__":
    main({check.__name__: check for check in
          [options, config, circumstances, other_address, deaf, usage]})
