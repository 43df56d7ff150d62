"""Measures the gateway beside its floor, in one run, and prints ratios.

    run.py BIN_DIR WORK_DIR [--runs N] [--seconds S] [--json FILE] SCENARIO...

Scenarios: unary, connect, idle. Every figure is the median of N runs, interleaved with those of the
floor. Client and server are separate processes. Nothing is asserted: a benchmark is not a test.
"""
import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time

SHAPES = [(1, 1), (1, 64), (64, 1), (64, 16)]


class Servers:
    """The gateway and the floor, both started fresh, ended with the context."""

    def __init__(self, bin_dir, work_dir):
        self.bin, self.children = bin_dir, []
        self.home = tempfile.mkdtemp(prefix="bench.", dir=work_dir)

    def path(self, name):
        return os.path.join(self.bin, name)

    def start(self, *command):
        log = open(os.path.join(self.home, "log"), "ab")
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

    def __exit__(self, *_):
        for child in self.children:
            child.terminate()
        for child in self.children:
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()

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
            words = [self.path("bench_floor"), scenario, self.port, *map(str, shape)]
            if scenario == "idle":
                words.append(str(self.floor.pid))
        else:
            words = [self.path("bench_fleet"), scenario, self.url, self.home,
                     str(self.gateway.pid), *map(str, shape)]
        return json.loads(subprocess.run(words, check=True, capture_output=True,
                                         timeout=600).stdout)


def rows_of(servers, scenario, seconds):
    """(shape's name, arguments, metric, unit) of a scenario."""
    if scenario == "unary":
        return [(f"{c}x{d}", (c, d, seconds), "requests_per_s", "1/s") for c, d in SHAPES]
    if scenario == "connect":
        return [("64 at a time", (64, seconds), "connects_per_s", "1/s")]
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    sessions = min(20000, most - 1000) if seconds >= 1 else 200
    return [(f"{sessions} sessions", (sessions,), "resident_kib_per_session", "KiB")]


def figures(bin_dir, work_dir, scenario, runs, seconds):
    values = {}
    for _ in range(runs):
        with Servers(bin_dir, work_dir) as servers:
            for shape, arguments, metric, unit in rows_of(servers, scenario, seconds):
                for who in ("floor", "ours"):
                    result = servers.measure(who, scenario, *arguments)
                    values.setdefault((shape, metric, unit), {}).setdefault(who, []).append(result)
    for (shape, metric, unit), both in values.items():
        ours = [r[metric] for r in both["ours"]]
        floor = [r[metric] for r in both["floor"]]
        yield {"scenario": scenario, "shape": shape, "metric": metric, "unit": unit,
               "value": statistics.median(ours), "floor": statistics.median(floor), "peer": None,
               "runs": ours, "more": both["ours"][-1]}


def print_table(rows):
    print("| scenario | shape | ours | spread | floor | ours / floor | p50, p99 | CPU s per 100,000, gateway and client |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        more = row["more"]
        latency = f"{more['p50_us']:.0f}, {more['p99_us']:.0f} us" if "p50_us" in more else ""
        cpu = (f"{more['gateway_cpu_s_per_100k']:.2f}, {more['client_cpu_s_per_100k']:.2f}"
               if "gateway_cpu_s_per_100k" in more else "")
        spread = f"{min(row['runs']):,.0f} to {max(row['runs']):,.0f}"
        print(f"| {row['scenario']} | {row['shape']} | {row['value']:,.1f} {row['unit']} | {spread} | "
              f"{row['floor']:,.1f} | {row['value'] / row['floor']:.2f} | {latency} | {cpu} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir")
    parser.add_argument("work_dir")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--json")
    parser.add_argument("scenarios", nargs="*")
    options = parser.parse_args()
    rows = []
    for scenario in options.scenarios or ["unary", "connect", "idle"]:
        if scenario not in ("unary", "connect", "idle"):
            parser.error(f"no scenario {scenario}: unary, connect, idle")
        rows += figures(options.bin_dir, options.work_dir, scenario, options.runs, options.seconds)
    print_table(rows)
    if options.json:
        for row in rows:
            del row["more"]
        with open(options.json, "w", encoding="ascii") as file:
            json.dump(rows, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
