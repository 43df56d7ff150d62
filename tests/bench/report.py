"""How the figures are shown: one Markdown table, and what they were measured with."""
import json
import os
import platform
import re
import subprocess

import limits as its_limits

HEAD = ["scenario", "shape", "figure", "gateway", "spread", "floor", "of floor", "gRPC C++",
        "of gRPC", "limit", "is"]


def number(value):
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def ratio(value, reference):
    return f"{value / reference:.2f}" if reference else ""


def spread(row):
    return f"{number(min(row['runs']))} to {number(max(row['runs']))}"


def cells(row, rows, limits):
    limit, stands = its_limits.judge(limits, row, rows)
    return [row["scenario"], row["shape"], row["metric"],
            f"{number(row['value'])} {row['unit']}".strip(), spread(row),
            number(row["floor"]), ratio(row["value"], row["floor"]),
            number(row["peer"]), ratio(row["value"], row["peer"]), limit, stands]


def markdown(head, lines):
    yield "| " + " | ".join(head) + " |"
    yield "| " + " | ".join("---" for _ in head) + " |"
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def table(rows, limits):
    return "\n".join(markdown(HEAD, [cells(row, rows, limits) for row in rows]))


def beside(row, limit, rows):
    """What the limits compare the figure with."""
    for bound in limit.bounds:
        against = its_limits.reference(bound, row, rows)
        if bound.of and against is not None:
            name = its_limits.NAMES.get(bound.of, bound.of)
            yield f"{ratio(row['value'], against)} of {name} ({number(against)})"


def short_table(rows, limits):
    """One line for each limit, for readers who do not know the scenarios."""
    lines = []
    for limit in limits:
        for row in rows:
            if its_limits.limit_of(limits, row) is limit:
                text, stands = its_limits.judge(limits, row, rows)
                lines.append([limit.title, f"{number(row['value'])} {row['unit']}".strip(),
                              ", ".join(beside(row, limit, rows)), text, stands])
    return "\n".join(markdown(["what", "gateway", "which is", "limit", "is"], lines))


def processor():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        for line in file:
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.machine()


def machine(bin_dir, peer=None):
    """What the figures depend on besides our own code."""
    versions = json.loads(subprocess.check_output([os.path.join(bin_dir, "bench_versions")]))
    if peer:
        versions.update(json.loads(subprocess.check_output([peer, "version"])))
    system = platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    names = ", ".join(f"{name} {version}" for name, version in versions.items())
    kernel = re.match(r"[0-9.]*", platform.release())[0]
    return (f"Measured on {len(os.sched_getaffinity(0))} cores ({processor()}), {system}, "
            f"Linux {kernel}; {names}.")
