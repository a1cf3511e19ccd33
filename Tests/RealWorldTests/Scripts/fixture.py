"""What every check against the real kernel stands on: a namespace and a server in it.

A check is a Python function; its script enters a network namespace of its own first, which dies
with the process, so nothing is ever left behind and checks may run side by side.
Exit codes: 0 passed, 1 failed, 77 skipped (the reason is on standard output).
"""

import ctypes
import os
import pathlib
import re
import resource
import shutil
import signal
import smtplib
import subprocess
import sys
import tempfile
import threading
import time
import traceback

US = "192.0.2.1"
KERNEL = "192.0.2.2"
DEVICE = "pr0"
DOMAIN = "example.test"
TO = "postmaster@" + DOMAIN
FROM = "sender@example.net"
CLONE_NEWNET = 0x40000000


class Skip(Exception):
    """A check that cannot run here, and why."""


def binary():
    path = os.environ.get("POSTROAD_BINARY")
    if path:
        return path
    root = pathlib.Path(__file__).resolve().parents[3]
    for kind in ("release", "debug"):
        candidate = root / ".build" / kind / "postroad"
        if candidate.exists():
            return str(candidate)
    raise Skip("postroad is not built")


def need(*commands):
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    for command in commands:
        if not shutil.which(command):
            raise Skip(f"{command} is not installed")


def sh(*command, check=True, timeout=120, **options):
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, timeout=timeout, **options)
    if check and done.returncode != 0:
        raise AssertionError(
            f"{command[0]} exited {done.returncode}:\n{done.stdout.decode(errors='replace')}"
            f"{done.stderr.decode(errors='replace')}")
    return done


def enter_namespace():
    need("ip")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNET) != 0:
        raise Skip("no right to make a network namespace")
    if not os.path.exists("/dev/net/tun"):
        raise Skip("there is no /dev/net/tun")
    sh("ip", "link", "set", "lo", "up")


def eventually(condition, seconds=10, what="the condition"):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what} did not come about in {seconds} s")


class Server:
    """`postroad serve` on a TUN device, with a Maildir."""

    def __init__(self, *options, maildir=None, device=DEVICE, address=US, peer=KERNEL,
                 files=None):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="postroad-"))
        self.maildir = pathlib.Path(maildir or self.folder / "Maildir")
        self.device, self.address, self.peer = device, address, peer
        self.options = [str(option) for option in options]
        self.log = self.folder / "log"
        self.files = files
        self.process = None
        try:
            self.start()
        except BaseException:
            self.__exit__(None, None, None)
            raise

    def start(self):
        with open(self.log, "ab") as log:
            before = log.tell()
            self.process = subprocess.Popen(
                [binary(), "serve", "--tun", self.device, "--address", f"{self.address}/24",
                 "--peer", self.peer, "--maildir", str(self.maildir),
                 "--hostname", "post.example.test", "--domain", DOMAIN,
                 "--service", "echo,discard,chargen,daytime", *self.options],
                stderr=log, stdin=subprocess.DEVNULL,
                preexec_fn=self.limit_files if self.files else None)

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"serve exited {self.process.returncode}: {self.said()}")
            return b"postroad: ready\n" in self.log.read_bytes()[before:]
        eventually(ready, what="postroad: ready")

    def limit_files(self):
        """The soft limit of open files, as a login shell may have set it."""
        resource.setrlimit(resource.RLIMIT_NOFILE,
                           (self.files, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))

    def said(self):
        return self.log.read_text(errors="replace")

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self, seconds=15):
        """Ends it as a person would, and says how it went."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(seconds)

    def messages(self):
        folder = self.maildir / "new"
        return sorted(folder.iterdir()) if folder.exists() else []

    def smtp(self, timeout=30):
        return smtplib.SMTP(self.address, 25, local_hostname="client.example.net",
                            timeout=timeout)

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if kind:
            sys.stderr.write("--- serve said:\n" + self.said()[-4000:])
        shutil.rmtree(self.folder, ignore_errors=True)


def stored_text(path, sent):
    """The message as stored, without the trace lines put in front of it; equal to `sent`?"""
    kept = path.read_bytes()
    if not kept.endswith(sent):
        raise AssertionError(
            f"{path.name}: stored {len(kept)} octets do not end with the {len(sent)} sent")
    trace = kept[: len(kept) - len(sent)]
    if trace and not re.match(rb"(Return-Path|Received): ", trace):
        raise AssertionError(f"{path.name}: in front of the message stands {trace[:80]!r}")
    if len(trace) > 2000:
        raise AssertionError(f"{path.name}: {len(trace)} octets in front of the message")
    return trace


def main(checks):
    """Runs the check named on the command line."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in checks:
        print("checks:", " ".join(checks))
        sys.exit(64)

    def late():
        sys.stderr.write(f"{name}: took longer than 280 s\n")
        for line in traceback.format_stack():
            sys.stderr.write(line)
        os._exit(1)
    # Told to end, a check takes its server along.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    watchdog = threading.Timer(280, late)
    watchdog.daemon = True
    watchdog.start()
    try:
        enter_namespace()
        checks[name]()
    except Skip as reason:
        print(f"skipped: {reason}")
        sys.exit(77)
    except Exception:  # the whole story, and the exit code
        traceback.print_exc()
        sys.exit(1)
    print(f"{name}: passed")
