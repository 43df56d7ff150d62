"""Measures the gateway beside its floor and a peer, in one run.

    run.py BIN_DIR WORK_DIR [--runs N] [--seconds S] [--with-grpc] [--json FILE] [--record]
           [SCENARIO...]

Scenarios: unary, connect, idle, latency, decisions, growth, restart, flood (all by default).
Every figure is the median of N runs, interleaved with those of its references. Prints one table,
writes the figures as JSON and a chart beside it (WORK_DIR/bench.json by default). Nothing is
asserted: a benchmark is not a test. README.md here tells how to read it.
"""
import argparse
import contextlib
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections import namedtuple

sys.dont_write_bytecode = True  # the source folder stays as it is

import chart  # noqa: E402
import limits  # noqa: E402
import record  # noqa: E402
import report  # noqa: E402
import scenarios  # noqa: E402
from servers import Servers  # noqa: E402

Figure = namedtuple("Figure", "shape metric unit value floor peer", defaults=(None, None))


def measured(figures, party):
    return [value for value in (getattr(figure, party) for figure in figures) if value is not None]


def median(values):
    return statistics.median(values) if values else None


def rows_of(name, figures):
    """Figures of several runs in, one row for each in the form of the JSON out."""
    alike = {}
    for figure in figures:
        alike.setdefault(figure[:3], []).append(figure)
    for (shape, metric, unit), found in alike.items():
        runs = measured(found, "value")
        if runs:
            yield {"scenario": name, "shape": shape, "metric": metric, "unit": unit,
                   "value": median(runs), "floor": median(measured(found, "floor")),
                   "peer": median(measured(found, "peer")), "runs": runs}


@contextlib.contextmanager
def work_folder(root):
    """Gone when all went well; else it has the logs. A socket's path may have 107 bytes."""
    folder = tempfile.mkdtemp(prefix="bench.", dir=root if len(root) < 60 else None)
    yield folder
    shutil.rmtree(folder)


def run(options, name, work_dir):
    figures = []
    for turn in range(options.runs):
        def make_servers(pairing=None):
            return Servers(options.bin_dir, work_dir, pairing, turn, options.peer)
        start = time.monotonic()
        figures += [Figure(*found)
                    for found in scenarios.ALL[name](make_servers, options.seconds)]
        print(f"bench: {name}, run {turn + 1} of {options.runs}, "
              f"{time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    return list(rows_of(name, figures))


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bin_dir", type=os.path.abspath)
    parser.add_argument("work_dir", type=os.path.abspath)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--with-grpc", action="store_true")
    parser.add_argument("--json")
    parser.add_argument("--record", action="store_true",
                        help="keep the figures beside this file and show them in the README")
    parser.add_argument("scenarios", nargs="*")
    options = parser.parse_intermixed_args()
    for name in options.scenarios:
        if name not in scenarios.ALL:
            parser.error(f"no scenario {name}: {', '.join(scenarios.ALL)}")
    if options.record and options.scenarios:
        parser.error("only a run of all scenarios is recorded")
    options.scenarios = options.scenarios or list(scenarios.ALL)
    options.json = options.json or os.path.join(options.work_dir, "bench.json")
    options.peer = None
    if options.with_grpc:
        options.peer = os.path.join(options.bin_dir, os.pardir, "grpc", "bench_grpc")
    return options


def main():
    options = parse_options()
    rows = []
    for name in options.scenarios:
        with work_folder(options.work_dir) as work_dir:
            rows += run(options, name, work_dir)
    machine = report.machine(options.bin_dir, options.peer)
    print(f"{machine}\n\n{report.table(rows, limits.read())}\n")
    with open(options.json, "w", encoding="ascii") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")
    picture = os.path.splitext(options.json)[0] + ".svg"
    written = [options.json] + [picture] * chart.write(rows, picture)
    if options.record:
        written += record.record(rows, machine)
    print("\n".join(written))
    return 0


if __name__ == "__main__":
    sys.exit(main())
