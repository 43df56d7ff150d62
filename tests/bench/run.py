"""Measures the gateway beside its floor, in one run, and prints ratios.

    run.py BIN_DIR WORK_DIR [--runs N] [--seconds S] [--json FILE] [SCENARIO...]

Scenarios: unary, connect, idle, latency, decisions, growth, restart, flood (all by default).
Every figure is the median of N runs, interleaved with those of the floor. Client and server are
separate processes. Nothing is asserted: a benchmark is not a test. Where other work shares the
cores, rates say little (the floor has one thread, the gateway several, and the kernel shares by
thread): then compare the server's CPU seconds per 100,000 operations.
"""
import argparse
import json
import os
import statistics
import sys

sys.dont_write_bytecode = True  # the source folder stays as it is

import scenarios  # noqa: E402
from servers import Servers  # noqa: E402


def median(values):
    found = [value for value in values if value is not None]
    return statistics.median(found) if found else None


def figures(bin_dir, work_dir, name, runs, seconds):
    results = {}
    for _ in range(runs):
        def make_servers(pairing=None):
            return Servers(bin_dir, work_dir, pairing)
        for shape, metric, unit, value, floor in scenarios.ALL[name](make_servers, seconds):
            values, floors = results.setdefault((shape, metric, unit), ([], []))
            values.append(value)
            floors.append(floor)
    for (shape, metric, unit), (values, floors) in results.items():
        yield {"scenario": name, "shape": shape, "metric": metric, "unit": unit,
               "value": median(values), "floor": median(floors), "peer": None, "runs": values}


def print_table(rows):
    print("| scenario | shape | metric | gateway | spread | floor | gateway / floor |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for row in rows:
        spread = f"{min(row['runs']):,.5g} to {max(row['runs']):,.5g}"
        floor = f"{row['floor']:,.5g}" if row["floor"] is not None else ""
        ratio = f"{row['value'] / row['floor']:.2f}" if row["floor"] else ""
        print(f"| {row['scenario']} | {row['shape']} | {row['metric']} | {row['value']:,.5g} "
              f"{row['unit']} | {spread} | {floor} | {ratio} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir", type=os.path.abspath)
    parser.add_argument("work_dir")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--json")
    parser.add_argument("scenarios", nargs="*")
    options = parser.parse_intermixed_args()
    rows = []
    for name in options.scenarios or scenarios.ALL:
        if name not in scenarios.ALL:
            parser.error(f"no scenario {name}: {', '.join(scenarios.ALL)}")
        rows += figures(options.bin_dir, options.work_dir, name, options.runs, options.seconds)
    print_table(rows)
    if options.json:
        with open(options.json, "w", encoding="ascii") as file:
            json.dump(rows, file, indent=1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
