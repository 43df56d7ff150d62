"""What ./dev bench promises of its output, whatever the figures are.

    test_report.py RUN_BENCH...     the command that runs run.py at small size
"""
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.dont_write_bytecode = True

import chart  # noqa: E402
import limits  # noqa: E402
import record  # noqa: E402
import run  # noqa: E402
import scenarios  # noqa: E402

KEYS = ["scenario", "shape", "metric", "unit", "value", "floor", "peer", "runs"]
RUN_BENCH = []


def row(value, floor=None, peer=None, shape="1x1", scenario="unary", metric="requests_per_s"):
    return dict(zip(KEYS, (scenario, shape, metric, "1/s", value, floor, peer, [value])))


def grown(value, shape):
    return row(value, None, None, shape, "growth", "connect_p50_ms")


class Picture(unittest.TestCase):
    def test_what_counted_nothing_has_no_panel(self):
        nothing = row(0, 0, 0, "64 at once", "connect", "connects_per_s")
        drawn = chart.commands([row(1000, 2000), nothing], "x.svg")
        self.assertIn("unary_value", drawn)
        self.assertNotIn("connect_value", drawn)
        self.assertEqual(chart.commands([nothing], "x.svg"), "")


class Figures(unittest.TestCase):
    def test_value_is_the_median_of_the_runs_and_so_are_its_references(self):
        figures = [run.Figure("1x1", "rate", "1/s", value, floor, peer)
                   for value, floor, peer in [(30, 3, 9), (10, 1, 7), (20, 2, None)]]
        self.assertEqual(list(run.rows_of("unary", figures)), [
            {"scenario": "unary", "shape": "1x1", "metric": "rate", "unit": "1/s", "value": 20,
             "floor": 2, "peer": 8, "runs": [30, 10, 20]}])

    def test_a_figure_without_references_has_none(self):
        found, = run.rows_of("idle", [run.Figure("s", "m", "KiB", 5)])
        self.assertIsNone(found["floor"])
        self.assertIsNone(found["peer"])


class Bystanders:
    """Servers that measure nothing: what they would have found is who was asked."""
    FOUND = {"ours": 1, "knock": 2, "floor": 3, "peer": 4}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __getattr__(self, name):
        return lambda *_: None

    def parties(self):
        return ["peer", "ours", "floor"]

    def measure(self, who, *_):
        names = ("requests_per_s", "connects_per_s", "server_cpu_s_per_100k")
        return dict.fromkeys(names, self.FOUND[who])


class References(unittest.TestCase):
    def test_calls_and_connects_stand_beside_the_floor_and_the_peer(self):
        for scenario in (scenarios.unary, scenarios.connect):
            for found in scenario(Bystanders, 1):
                figure = run.Figure(*found)
                self.assertIn(figure.value, (1, 2))
                self.assertEqual((figure.floor, figure.peer), (3, 4))

    def test_servers_are_compared_by_clients_as_bare_as_the_floors(self):
        found = {figure[:2]: figure[3] for figure in scenarios.connect(Bystanders, 1)}
        self.assertEqual(found["64 at a time", "connects_per_s"], 2)
        self.assertEqual(found["64 at a time, our client", "connects_per_s"], 1)


class Limits(unittest.TestCase):
    def judge(self, figure, *others):
        return limits.judge(limits.read(), figure, [figure, *others])

    def test_every_limit_is_of_a_scenario(self):
        for limit in limits.read():
            self.assertIn(limit.scenario, scenarios.ALL)

    def test_both_limits_have_to_be_met(self):
        self.assertEqual(self.judge(row(60, 100, 30)),
                         (">= 0.60 of the floor, >= 2 of gRPC C++", "met"))
        self.assertEqual(self.judge(row(59, 100, 20))[1], "**missed**: >= 0.60 of the floor")
        self.assertEqual(self.judge(row(60, 100, 31))[1], "**missed**: >= 2 of gRPC C++")

    def test_without_a_peer_nobody_claims_that_its_limit_is_met(self):
        self.assertEqual(self.judge(row(60, 100))[1], "met, of what was measured")
        self.assertEqual(self.judge(row(60))[1], "not measured")

    def test_a_limit_may_be_a_ratio_to_another_shape(self):
        few = grown(2, "1,000 devices")
        self.assertEqual(self.judge(grown(3, "1,000,000 devices"), few),
                         ("<= 1.5 of 1,000 devices", "met"))
        self.assertIn("missed", self.judge(grown(3.1, "1,000,000 devices"), few)[1])

    def test_less_is_not_as_much(self):
        one = row(5, 1, None, "1 caller", "decisions", "p99_ms")
        self.assertIn("missed", self.judge(one)[1])

    def test_a_limit_that_cannot_be_read_is_refused(self):
        for text in ("> 5", ">= 5 floors", ">= 5 1x1", "5"):
            with self.assertRaises(ValueError):
                limits.parse_bound(text)


class Output(unittest.TestCase):
    def test_the_readme_is_changed_between_the_marks_alone(self):
        text = "a\n<!-- measured -->\nold\n<!-- /measured -->\nb\n"
        self.assertEqual(record.into_readme(text, "new\n"),
                         "a\n<!-- measured -->\nnew\n<!-- /measured -->\nb\n")
        with self.assertRaises(ValueError):
            record.into_readme("a\nb\n", "new\n")

    def test_the_readme_shows_what_was_recorded(self):
        with open(record.README, encoding="utf-8") as file:
            self.assertIn(record.block(*record.kept()), file.read())

    def test_a_run_prints_one_table_and_writes_json_and_a_chart(self):
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        path = os.path.join(folder, "figures.json")
        printed = subprocess.run([*RUN_BENCH, "--json", path, "unary"], check=True, text=True,
                                 stdout=subprocess.PIPE).stdout
        with open(path, encoding="ascii") as file:
            rows = json.load(file)
        self.check_rows(rows)
        self.check_table(printed, rows)
        if shutil.which("gnuplot"):
            picture = os.path.join(folder, "figures.svg")
            self.assertIn(f"\n{picture}\n", printed)
            root = xml.etree.ElementTree.parse(picture).getroot()
            self.assertTrue(root.tag.endswith("svg"))
            self.assertIn("gateway", " ".join(root.itertext()))

    def check_rows(self, rows):
        rates = [each for each in rows if each["metric"] == "requests_per_s"]
        self.assertEqual([each["shape"] for each in rates], ["1x1", "1x64", "64x1", "64x16"])
        for each in rows:
            self.assertEqual(list(each), KEYS)
            self.assertGreaterEqual(len(each["runs"]), 3)
            self.assertEqual(each["value"], statistics.median(each["runs"]))
            self.assertIsInstance(each["floor"], (int, float))
            self.assertIsNone(each["peer"])

    def check_table(self, printed, rows):
        lines = [line.split(" | ") for line in printed.splitlines() if line.startswith("|")]
        self.assertEqual(len(lines), 2 + len(rows))
        at = lines[0].index("limit")
        for line in lines:
            self.assertEqual(len(line), len(lines[0]))
        for line, each in zip(lines[2:], rows):
            has_limit = each["metric"] == "requests_per_s"
            self.assertEqual(">= " in line[at], has_limit)


if __name__ == "__main__":
    RUN_BENCH = sys.argv[1:]
    unittest.main(argv=sys.argv[:1])
