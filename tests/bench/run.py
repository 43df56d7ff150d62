"""Measures the gateway beside its floor, in one run, and prints ratios.

    run.py BIN_DIR WORK_DIR [--runs N] [--seconds S] [--json FILE] SCENARIO...

Scenarios: unary, connect, idle. Every figure is the median of N runs, interleaved with those of the
floor. Client and server are separate processes. Nothing is asserted: a benchmark is not a test.
Where other work shares the cores, rates say little (the floor has one thread, the gateway several,
and the kernel shares by thread): then compare the server's CPU seconds per 100,000 operations.
"""
import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

UNITS = {"server_cpu_s_per_100k": "s", "client_cpu_s_per_100k": "s", "p50_us": "us", "p99_us": "us",
         "bare_kib_per_session": "KiB"}
SHAPES = [(1, 1), (1, 64), (64, 1), (64, 16)]


class Servers:
    """The gateway and the floor, both started fresh, ended with the context."""

    def __init__(self, bin_dir, work_dir):
        self.bin, self.children = bin_dir, []
        # A socket's path may have 107 bytes.
        root = os.path.abspath(work_dir)
        self.home = tempfile.mkdtemp(prefix="openclaw-bench.", dir=root if len(root) < 70 else None)

    def path(self, name):
        return os.path.join(self.bin, name)

    def start(self, *command):
        with open(os.path.join(self.home, "log"), "ab") as log:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.children.append(child)
        return child

    def __enter__(self):
        port_file = os.path.join(self.home, "port")
        with open(os.path.join(self.home, "gateway.yaml"), "w", encoding="ascii") as config:
            config.write('listen: {devices: "tls+tcp://127.0.0.1:0"}\n')
        os.chmod(os.path.join(self.home, "gateway.yaml"), 0o600)
        self.floor = self.start(self.path("bench_floor"), "server", port_file)
        self.gateway = self.start(self.path("openclaw-gateway"), "run", "--data-dir", self.home)
        info = self.wait(lambda: json.loads(subprocess.run(
            [self.path("openclaw"), "--data-dir", self.home, "gateway", "info", "-o", "json"],
            check=True, capture_output=True).stdout))
        self.url = info["address"]
        self.port = self.wait(lambda: open(port_file, encoding="ascii").read().strip() or 1 / 0)
        return self

    def __exit__(self, kind, *_):
        for child in self.children:
            child.terminate()
        for child in self.children:
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
        if kind is None:
            shutil.rmtree(self.home)  # what went wrong is in its log

    @staticmethod
    def wait(read):
        end = time.monotonic() + 20
        while True:
            try:
                return read()
            except (OSError, ValueError, ZeroDivisionError, subprocess.CalledProcessError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def measure(self, who, scenario, *shape):
        if who == "floor":
            words = [self.path("bench_floor"), scenario, self.port, str(self.floor.pid),
                     *map(str, shape)]
        else:
            words = [self.path("bench_fleet"), scenario, self.url, self.home,
                     str(self.gateway.pid), *map(str, shape)]
        done = subprocess.run(words, capture_output=True, timeout=600)
        if done.returncode != 0:
            sys.stderr.buffer.write(done.stderr)
            sys.exit(f"{' '.join(words)} ended with {done.returncode}")
        return json.loads(done.stdout)


def rows_of(servers, scenario, seconds):
    """(shape's name, arguments, metric, unit) of a scenario."""
    if scenario == "unary":
        return [(f"{c}x{d}", (c, d, seconds), "requests_per_s", "1/s") for c, d in SHAPES]
    if scenario == "connect":
        return [("64 at a time", (64, seconds), "connects_per_s", "1/s")]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    sessions = min(20000, most - 1000) if seconds >= 1 else 100
    return [(f"{sessions} sessions", (sessions,), "resident_kib_per_session", "KiB")]


def median_of(results, metric):
    return statistics.median(result[metric] for result in results)


def figures(bin_dir, work_dir, scenario, runs, seconds):
    results = {}
    for _ in range(runs):
        with Servers(bin_dir, work_dir) as servers:
            for row in rows_of(servers, scenario, seconds):
                shape, arguments, metric, unit = row
                both = results.setdefault((shape, metric, unit), {"floor": [], "ours": []})
                for who, found in both.items():
                    found.append(servers.measure(who, scenario, *arguments))
    for (shape, metric, unit), both in results.items():
        for each in [metric] + [m for m in ("server_cpu_s_per_100k", "client_cpu_s_per_100k",
                                            "p50_us", "p99_us", "bare_kib_per_session")
                                if m in both["ours"][0]]:
            yield {"scenario": scenario, "shape": shape, "metric": each,
                   "unit": unit if each == metric else UNITS[each],
                   "value": median_of(both["ours"], each),
                   "floor": median_of(both["floor"], each) if each in both["floor"][0] else None,
                   "peer": None, "runs": [result[each] for result in both["ours"]]}


def print_table(rows):
    print("| scenario | shape | metric | gateway | spread | floor | gateway / floor |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        spread = f"{min(row['runs']):,.5g} to {max(row['runs']):,.5g}"
        floor = f"{row['floor']:,.5g}" if row["floor"] is not None else ""
        ratio = f"{row['value'] / row['floor']:.2f}" if row["floor"] else ""
        print(f"| {row['scenario']} | {row['shape']} | {row['metric']} | {row['value']:,.5g} "
              f"{row['unit']} | {spread} | {floor} | {ratio} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir")
    parser.add_argument("work_dir")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--json")
    parser.add_argument("scenarios", nargs="*")
    options = parser.parse_intermixed_args()
    rows = []
    for scenario in options.scenarios or ["unary", "connect", "idle"]:
        if scenario not in ("unary", "connect", "idle"):
            parser.error(f"no scenario {scenario}: unary, connect, idle")
        rows += figures(options.bin_dir, options.work_dir, scenario, options.runs, options.seconds)
    print_table(rows)
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump(rows, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
