"""Keeps the figures of a run, and shows them in the README between two marks."""
import json
import os
import re

import chart
import limits
import report

HERE = os.path.dirname(os.path.abspath(__file__))
README = os.path.join(HERE, os.pardir, os.pardir, "README.md")
BLOCK = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->\n)", re.S)


def block(rows, machine):
    return f"{machine}\n\n{report.short_table(rows, limits.read())}\n"


def into_readme(text, shown):
    changed, n = BLOCK.subn(lambda found: found[1] + shown + found[2], text)
    if n != 1:
        raise ValueError(f"{n} places for the figures in the README")
    return changed


def record(rows, machine):
    """Returns what was written."""
    figures, picture = (os.path.join(HERE, name) for name in ("bench.json", "bench.svg"))
    with open(figures, "w", encoding="ascii") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")
    chart.write(rows, picture)
    with open(README, encoding="utf-8") as file:
        changed = into_readme(file.read(), block(rows, machine))
    with open(README, "w", encoding="utf-8") as file:
        file.write(changed)
    return [figures, picture, os.path.normpath(README)]
