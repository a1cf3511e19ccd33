"""Times `postroad replay` and tshark side by side on one capture: medians of alternating rounds.

usage: replay-speed.py POSTROAD CAPTURE SMALL ROUNDS

Every program writes to /dev/null, so what is measured is reading, judging and formatting. Time is on the
clock, processor time is user and system together, memory is the largest that was resident.
"""

import os
import statistics
import sys
import time

FIELDS = ["frame.number", "frame.time_relative", "frame.len", "tcp.stream", "tcp.analysis.flags"] + [
    "tcp.analysis." + name
    for name in ["acks_frame", "ack_rtt", "initial_rtt", "bytes_in_flight", "push_bytes_sent"]
]


def run(command):
    """Runs a command; seconds on the clock, seconds of processors, octets resident."""
    began = time.monotonic()
    process = os.fork()
    if process == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.execvp(command[0], command)
    _, status, usage = os.wait4(process, 0)
    elapsed = time.monotonic() - began
    if status != 0:
        sys.exit("replay-speed.py: %s ended with %d" % (" ".join(command), status))
    return elapsed, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


def compare(groups, rounds):
    """Runs every command in turn, so often; prints medians, and how many times the first's time it is."""
    taken = {name: [] for name, _ in groups}
    for _ in range(rounds):
        for name, command in groups:
            taken[name].append(run(command))
    least = statistics.median(times[0] for times in taken[groups[0][0]])
    for name, runs in taken.items():
        clock, processor, memory = (statistics.median(column) for column in zip(*runs))
        print(
            "%-24s s=%-8.2f cpu_s=%-8.2f MB=%-6.0f times=%.1f"
            % (name, clock, processor, memory / 1e6, clock / least),
            flush=True,
        )


def main():
    postroad, capture, small, rounds = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
    fields = [word for name in FIELDS for word in ("-e", name)]
    groups = [
        ("replay --json", [postroad, "replay", "--json", capture]),
        ("replay", [postroad, "replay", capture]),
        ("replay --summary", [postroad, "replay", "--summary", capture]),
        ("tshark", ["tshark", "-r", capture]),
        ("tshark -T fields", ["tshark", "-r", capture, "-T", "fields"] + fields),
    ]
    compare(groups, rounds)
    print("# the small capture, for tshark's JSON takes its time")
    groups = [
        ("replay --json", [postroad, "replay", "--json", small]),
        ("tshark -T json", ["tshark", "-r", small, "-T", "json"]),
    ]
    compare(groups, min(rounds, 3))


main()
