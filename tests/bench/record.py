"""Keeps the figures of a run, and shows them in the README between two marks.

    record.py       shows once more what was kept; after a change of limits, say
"""
import json
import os
import re

import chart
import limits
import report

HERE = os.path.dirname(os.path.abspath(__file__))
README = os.path.join(HERE, os.pardir, os.pardir, "README.md")
FIGURES = os.path.join(HERE, "bench.json")
BLOCK = re.compile(r"(<!-- measured -->\n).*?(<!-- /measured -->\n)", re.S)


def block(rows, machine):
    return f"{machine}\n\n{report.short_table(rows, limits.read())}\n"


def into_readme(text, shown):
    changed, n = BLOCK.subn(lambda found: found[1] + shown + found[2], text)
    if n != 1:
        raise ValueError(f"{n} places for the figures in the README")
    return changed


def show(rows, machine):
    """Draws them and changes the README; returns what was written."""
    picture = os.path.join(HERE, "bench.svg")
    chart.write(rows, picture)
    with open(README, encoding="utf-8") as file:
        changed = into_readme(file.read(), block(rows, machine))
    with open(README, "w", encoding="utf-8") as file:
        file.write(changed)
    return [picture, os.path.normpath(README)]


def record(rows, machine):
    """Keeps and shows them; returns what was written."""
    with open(FIGURES, "w", encoding="ascii") as file:
        json.dump(rows, file, indent=1)
        file.write("\n")
    return [FIGURES] + show(rows, machine)


def kept():
    """The figures, and what they were measured with."""
    with open(FIGURES, encoding="ascii") as file:
        rows = json.load(file)
    with open(README, encoding="utf-8") as file:
        return rows, BLOCK.search(file.read())[0].splitlines()[1]


if __name__ == "__main__":
    print("\n".join(show(*kept())))
