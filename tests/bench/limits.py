"""Whether a figure is within its limits, which limits.txt holds."""
import fnmatch
import os
import re
from collections import namedtuple

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "limits.txt")
NAMES = {"floor": "the floor", "peer": "gRPC C++"}
IS_WITHIN = {">=": lambda a, b: a >= b, "<=": lambda a, b: a <= b, "<": lambda a, b: a < b}

Bound = namedtuple("Bound", "sign number text of")  # of: "", floor, peer or another shape
Limit = namedtuple("Limit", "scenario shape metric bounds title")


def parse_bound(text):
    found = re.fullmatch(r"(>=|<=|<) ([0-9.]+)(?: (floor|peer|\[[^]]+\]))?", text)
    if not found:
        raise ValueError(f"not a limit: {text}")
    return Bound(found[1], float(found[2]), found[2], (found[3] or "").strip("[]"))


def parse(line):
    scenario, shape, metric, bounds, title = (word.strip() for word in line.split("|"))
    return Limit(scenario, shape, metric, [parse_bound(each) for each in bounds.split(", ")], title)


def read(path=PATH):
    with open(path, encoding="ascii") as file:
        return [parse(line) for line in file if line.strip() and not line.startswith("#")]


def limit_of(limits, row):
    for limit in limits:
        if (limit.scenario, limit.metric) == (row["scenario"], row["metric"]) and (
                fnmatch.fnmatchcase(row["shape"], limit.shape)):
            return limit
    return None


def reference(bound, row, rows):
    """What the bound is a multiple of; None if this run did not measure it."""
    if not bound.of:
        return 1
    if bound.of in NAMES:
        return row[bound.of]
    for other in rows:
        if all(other[key] == row[key] for key in ("scenario", "metric")) and (
                other["shape"] == bound.of):
            return other["value"]
    return None


def describe(bound, row):
    if not bound.of:
        return f"{bound.sign} {float(bound.text):,g} {row['unit']}"
    return f"{bound.sign} {bound.text} of {NAMES.get(bound.of, bound.of)}"


def verdict(bound, row, rows):
    against = reference(bound, row, rows)
    if against is None:
        return None
    return IS_WITHIN[bound.sign](row["value"], bound.number * against)


def judge(limits, row, rows):
    """The limits of a figure as text, and how it stands: met, missed, or not measured."""
    limit = limit_of(limits, row)
    if not limit:
        return "", ""
    found = [verdict(bound, row, rows) for bound in limit.bounds]
    text = ", ".join(describe(bound, row) for bound in limit.bounds)
    if False in found:
        missed = [describe(bound, row) for bound, is_met in zip(limit.bounds, found)
                  if is_met is False]
        return text, "**missed**" + (f": {', '.join(missed)}" if len(found) > 1 else "")
    if None in found:
        return text, "met, of what was measured" if True in found else "not measured"
    return text, "met"
