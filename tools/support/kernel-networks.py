"""Linux's TCP beside ours, on the same networks, at the same time: what `tools/networks --kernel` runs.

kernel-networks.py grid PAGE PROGRAMS [--seconds S] [--rounds N] [--only WORDS] [--check]
kernel-networks.py send HOST PORT CONTROLLER BEGIN SECONDS     one end in a namespace, the kernel's
kernel-networks.py receive PORT SECONDS                        the other

Each measure has three lanes side by side, of network namespaces of their own: the kernel sends to the
kernel, ours to the kernel, the kernel to ours; each over a relay of its own with the same seed. So
whatever else the machine does, it does to all three.
"""
import contextlib, json, os, platform, select, signal, socket, statistics, struct, subprocess, sys
import threading, time

HERE = os.path.abspath(__file__)
PORT = 9000
PREFIX = "postroad-nets-"
CONTROLLERS = ["reno", "cubic", "bbr"]


# The kernel's ends.

def info(connection):
    """What of TCP_INFO we want. Source: Linux, include/uapi/linux/tcp.h."""
    octets = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    octets += bytes(256 - len(octets))
    number = lambda form, at: struct.unpack_from(form, octets, at)[0]
    return {"acknowledged": number("=Q", 120), "sent": number("=Q", 200), "again": number("=Q", 208),
            "spurious": number("=I", 216), "timeouts": number("=H", 240)}


def send(host, port, controller, begin, seconds):
    connection = socket.socket()
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, controller.encode())
    connection.connect((host, port))
    name = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, 16).rstrip(b"\0").decode()
    if name != controller:
        sys.exit(f"the kernel took {name} for {controller}")
    connection.setblocking(False)
    chunk = bytes(1 << 18)

    def run(end):
        while (left := end - time.monotonic()) > 0:
            if select.select([], [connection], [], left)[1]:
                try:
                    connection.send(chunk)
                except BlockingIOError:
                    pass
        return time.monotonic(), info(connection)

    start, before = run(time.monotonic() + begin)
    stop, after = run(start + seconds)
    rate = (after["acknowledged"] - before["acknowledged"]) / (stop - start)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    print(json.dumps({"controller": name, "rate": rate} | after))


def receive(port, seconds):
    listener = socket.create_server(("", port))
    listener.settimeout(seconds)
    print("end: ready", file=sys.stderr, flush=True)
    connection, _ = listener.accept()
    connection.settimeout(seconds)
    room = bytearray(1 << 18)
    try:
        while connection.recv_into(room):
            pass
    except OSError:
        pass


# The networks.

def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True)


def within(space, *words):
    return ["ip", "netns", "exec", space, *words]


def sweep():
    """Removes the namespaces of a run that was killed, and of no other."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True).stdout
    for line in listed.splitlines():
        name = line.split()[0]
        if name.startswith(PREFIX) and not os.path.exists(f"/proc/{name[len(PREFIX):].split('-')[0]}"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True)


def is_known(controller):
    """Whether the kernel has it, or loads it when asked."""
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, controller.encode())
        except OSError:
            return False
    return True


class Lane:
    """Two hosts and a relay between them; at one of them, or at none, our stack behind the kernel."""

    def __init__(self, name, ours, programs):
        self.name, self.ours, self.programs = name, ours, programs
        prefix = f"{PREFIX}{os.getpid()}-{name}"
        self.hosts = [f"{prefix}-a", f"{prefix}-b"]
        self.middle = f"{prefix}-r"
        self.running, self.is_open = [], True

    def open(self):
        for space in self.hosts + [self.middle]:
            ip("netns", "add", space)
        for space in self.hosts:
            ip("-n", space, "link", "set", "lo", "up")
        if self.ours is not None:
            space = self.hosts[self.ours]
            ip("-n", space, "tuntap", "add", "dev", "o0", "mode", "tun", "vnet_hdr")
            ip("-n", space, "addr", "add", "198.18.1.1/30", "dev", "o0")
            ip("-n", space, "link", "set", "o0", "up")

    def close(self):
        self.is_open = False
        self.stop()
        for space in self.hosts + [self.middle]:
            subprocess.run(["ip", "netns", "del", space], capture_output=True)

    def stop(self):
        running, self.running = self.running, []
        for process in running:
            process.kill()
            process.wait()

    def start(self, words, **pipes):
        if not self.is_open:
            raise RuntimeError("it is over")
        process = subprocess.Popen(list(map(str, words)), text=True, **pipes)
        self.running.append(process)
        return process

    def start_and_hear(self, words, notice):
        """Starts what says on its standard error that it is ready."""
        process = self.start(words, stderr=subprocess.PIPE)
        is_heard = select.select([process.stderr], [], [], 10)[0]
        line = process.stderr.readline() if is_heard else "it says nothing"
        if notice not in line:
            raise RuntimeError(f"{words}: {line}")

    def connect(self, path, seed, seconds, room):
        words = [f"{self.programs}/relay", "ra", "rb", "--rate", path["rate"], "--delay", path["rtt"] / 2,
                 "--loss", path.get("loss", 0), "--jitter", path.get("jitter", 0),
                 "--queue", path_queue(path), "--seed", seed, "--seconds", seconds]
        self.start_and_hear(within(self.middle, *words), "relay: ready")
        for index, (space, device) in enumerate(zip(self.hosts, ["ra", "rb"])):
            ip("-n", self.middle, "link", "set", device, "netns", space)
            # Without IPv6 nothing but the measured packets draws from the relay's chance.
            settings = [f"net.ipv4.tcp_rmem=4096 131072 {room}", f"net.ipv4.tcp_wmem=4096 16384 {room}",
                        "net.ipv4.tcp_no_metrics_save=1", "net.ipv4.ip_forward=1",
                        "net.ipv6.conf.all.disable_ipv6=1"]
            subprocess.run(within(space, "sysctl", "-eqw", *settings), check=True)
            ip("-n", space, "addr", "add", f"198.18.0.{index + 1}/30", "dev", device)
            ip("-n", space, "link", "set", device, "up", "txqueuelen", "10000")
        if self.ours is not None:
            other = self.hosts[1 - self.ours]
            device = ["ra", "rb"][1 - self.ours]
            ip("-n", other, "route", "add", "198.18.1.0/30", "dev", device)

    def measure(self, path, controller, seed, seconds):
        begin = max(1, path["rtt"] / 100)
        limit = begin + seconds + 10
        room = max(4 << 20, int(8 * path["rate"] * 125 * path["rtt"] * max(path.get("queue", 1), 1)))
        try:
            self.connect(path, seed, limit, room)
            here, there = self.hosts
            ours = [f"{self.programs}/end", "o0", "198.18.1.2/30", "198.18.1.1"]
            kernel = [sys.executable, HERE]
            target = "198.18.1.2" if self.ours == 1 else "198.18.0.2"
            receiver = (ours + ["receive", PORT, limit, room] if self.ours == 1
                        else kernel + ["receive", PORT, limit])
            self.start_and_hear(within(there, *receiver), "end: ready")
            sender = (ours + ["send", f"{target}:{PORT}", controller, begin, seconds, room]
                      if self.ours == 0 else kernel + ["send", target, PORT, controller, begin, seconds])
            process = self.start(within(here, *sender), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            answer, words = process.communicate(timeout=limit + 5)
            if process.returncode != 0:
                raise RuntimeError(f"{self.name}, {path_words(path)}, {controller}: {words}")
            result = json.loads(answer)
            assert result["controller"] == controller, result
            return result
        finally:
            self.stop()


# The grid and its page.

PATHS = [
    {"rate": 100, "rtt": 20}, {"rate": 100, "rtt": 20, "loss": 0.1}, {"rate": 100, "rtt": 20, "loss": 1},
    {"rate": 100, "rtt": 20, "loss": 3}, {"rate": 10, "rtt": 20}, {"rate": 100, "rtt": 1},
    {"rate": 100, "rtt": 100}, {"rate": 100, "rtt": 100, "loss": 1},
    {"rate": 100, "rtt": 20, "queue": 0.1}, {"rate": 100, "rtt": 20, "queue": 0.25},
    {"rate": 100, "rtt": 20, "queue": 4}, {"rate": 100, "rtt": 20, "jitter": 5},
    {"rate": 100, "rtt": 20, "jitter": 20}, {"rate": 100, "rtt": 20, "jitter": 5, "loss": 1},
]
HEAD = """| path | controller | Linux to Linux | ours to Linux | of Linux | Linux to ours | of Linux \
| sent again (Linux, ours) | spurious (Linux, ours) | time-outs (Linux, ours) |
|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"""


def path_queue(path):
    return max(6000, int(path.get("queue", 1) * path["rate"] * 125 * path["rtt"]))


def path_words(path):
    words = f"{path['rate']} Mbit/s, {path['rtt']} ms"
    if "queue" in path: words += f", queue {path['queue']} BDP"
    if "loss" in path: words += f", loss {path['loss']} %"
    if "jitter" in path: words += f", jitter {path['jitter']} ms"
    return words


def measure(lanes, path, controller, rounds, seconds):
    """The results of each lane, round by round."""
    results = {lane.name: [] for lane in lanes}
    problems = []

    def run(lane, seed):
        try:
            results[lane.name].append(lane.measure(path, controller, seed, seconds))
        except Exception as error:
            problems.append(error)

    for seed in range(1, rounds + 1):
        threads = [threading.Thread(target=run, args=(lane, seed)) for lane in lanes]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        if problems:
            raise problems[0]
    return results


def row(path, controller, results):
    middle = lambda lane, key: statistics.median(result[key] for result in results[lane])
    share = lambda lane: middle(lane, "rate") / (path["rate"] * 125_000)
    again = lambda lane: statistics.median(r["again"] / max(r["sent"], 1) for r in results[lane])
    linux, ours, taken = share("kk"), share("ok"), share("ko")
    sums = lambda lane, key: sum(result[key] for result in results[lane])
    return (f"| {path_words(path)} | {controller} | {linux:.1%} | {ours:.1%} | {ours / linux:.2f} "
            f"| {taken:.1%} | {taken / linux:.2f} | {again('kk'):.1%}, {again('ok'):.1%} "
            f"| {sums('kk', 'spurious')}, {sums('ok', 'spurious')} "
            f"| {sums('kk', 'timeouts')}, {sums('ok', 'timeouts')} |")


def is_fair(text, column):
    """Whether the ratio in a column of a row is what we want."""
    return float(text.split("|")[column]) >= 0.95


def counted(rows):
    sending, taking = (sum(is_fair(text, column) for text in rows) for column in (5, 7))
    return (f"Ours has at least 0.95 of Linux's goodput as the sender in {sending} of {len(rows)} cells, as the "
            f"receiver in {taking}.")


def measured(seconds, rounds, absent):
    with open("/proc/cpuinfo") as file:
        model = [line.split(":")[1].strip() for line in file if line.startswith("model name")]
    words = (f"Measured with `tools/networks --kernel --seconds {seconds:g} --rounds {rounds}` on "
             f"{os.cpu_count()} processors ({model[0] if model else platform.machine()}), "
             f"Linux {platform.release().split('-')[0]}, {time.strftime('%Y-%m-%d', time.gmtime())}.")
    return words + "".join(f" That kernel has no `{name}`." for name in absent)


def grid(page, programs, options):
    seconds = float(options.get("--seconds", 5))
    rounds = int(options.get("--rounds", 3))
    controllers = [name for name in CONTROLLERS if is_known(name)]
    absent = [name for name in CONTROLLERS if name not in controllers]
    for name in absent:
        print(f"this kernel has no {name}: left out", file=sys.stderr)
    paths = [path for path in PATHS if options.get("--only", "") in path_words(path)]
    if not paths:
        sys.exit("no path is called so")
    each = [max(1, path["rtt"] / 100) + seconds + 0.8 for path in paths]
    minutes = sum(each) * rounds * len(controllers) / 60
    print(f"{len(paths) * len(controllers)} cells, about {minutes:.0f} min", file=sys.stderr, flush=True)
    if "--only" in options: print(HEAD, flush=True)
    rows = []
    sweep()
    with contextlib.ExitStack() as stack:
        lanes = [Lane("kk", None, programs), Lane("ok", 0, programs), Lane("ko", 1, programs)]
        for lane in lanes:
            stack.callback(lane.close)
            lane.open()
        for path in paths:
            for controller in controllers:
                rows.append(row(path, controller, measure(lanes, path, controller, rounds, seconds)))
                print(rows[-1], file=sys.stdout if "--only" in options else sys.stderr, flush=True)
    if "--check" in options:
        bad = [text for text in rows if not (is_fair(text, 5) and is_fair(text, 7))]
        for text in bad:
            print(f"less than 0.95 of Linux's goodput: {text}")
        sys.exit(1 if bad else 0)
    if "--only" not in options:
        text = open(page).read()
        kept = text[:text.index("Measured with")]
        lines = [measured(seconds, rounds, absent), counted(rows), "", HEAD] + rows
        with open(page, "w") as file:
            file.write(kept + "\n".join(lines) + "\n")


def main(words):
    if words[0] == "send":
        send(words[1], int(words[2]), words[3], float(words[4]), float(words[5]))
    elif words[0] == "receive":
        receive(int(words[1]), float(words[2]))
    elif words[0] == "grid":
        rest, options = words[3:], {}
        while rest:
            name = rest.pop(0)
            if name == "--check":
                options[name] = True
            elif name in ("--seconds", "--rounds", "--only") and rest:
                options[name] = rest.pop(0)
            else:
                sys.exit(f"what is {name}?")
        grid(words[1], words[2], options)


# A terminated run cleans up as one that fails.
signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))
main(sys.argv[1:])
