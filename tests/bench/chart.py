"""The figures as a picture: SVG by gnuplot, to be read on light and on dark paper."""
import shutil
import subprocess

PARTIES = [("value", "gateway", "#2f81f7"), ("floor", "floor: bare epoll, OpenSSL", "#8b949e"),
           ("peer", "gRPC C++", "#d2741a")]
PANELS = [  # scenario, figure, title, whether logarithmic, its share of the width
    ("unary", "requests_per_s", "calls a second: connections x calls in flight (log scale)", True,
     0.66),
    ("connect", "connects_per_s", "connects a second", False, 0.34)]

HEAD = """set encoding utf8
set terminal svg size 960,400 font 'sans-serif,13' noenhanced
set output '{path}'
set multiplot
unset key
set border 3 linecolor rgb '#848d97'
set grid ytics linecolor rgb '#848d97' dashtype 3
set xtics scale 0 textcolor rgb '#848d97'
set ytics scale 0 textcolor rgb '#848d97'
set style fill solid noborder
set boxwidth 0.24
set tmargin at screen 0.90
set bmargin at screen 0.17
"""
PANEL = """set title '{title}' textcolor rgb '#848d97' font ',14'
{scale}
set format y '{number}'
set lmargin at screen {left}
set rmargin at screen {right}
set xrange [-0.5:{last}.5]
set yrange [{low}:{high}]
plot {plots}
"""

def short(value):
    for unit, size in (("M", 1e6), ("k", 1e3)):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def panel_rows(rows, scenario, metric):
    return [row for row in rows if (row["scenario"], row["metric"]) == (scenario, metric)]


def parties_of(rows):
    return [each for each in PARTIES if any(row[each[0]] for row in rows)]


def key(rows):
    """Who has which colour, below the panels."""
    present = parties_of(rows)
    for at, (_, name, colour) in enumerate(present):
        left = 0.5 + (at - len(present) / 2) * 0.24
        yield (f"set label '\N{BLACK SQUARE} {name}' at screen {left},0.05 left "
               f"textcolor rgb '{colour}'\n")


def data_block(name, rows, party, shift):
    lines = [f'{at + shift} {row[party]} "{short(row[party])}"'
             for at, row in enumerate(rows) if row[party] is not None]
    return f"${name} << END\n" + "\n".join(lines) + "\nEND\n"


def panel(rows, left, scenario, title, is_log, width):
    """The commands that draw one."""
    present = parties_of(rows)
    values = [row[party] for row in rows for party, _, _ in PARTIES if row[party]]
    blocks, plots = "", []
    for at, (party, _, colour) in enumerate(present):
        block = f"{scenario}_{party}"
        blocks += data_block(block, rows, party, (at - (len(present) - 1) / 2) * 0.27)
        plots += [f"${block} using 1:2 with boxes linecolor rgb '{colour}'",
                  f"${block} using 1:2:3 with labels offset 0,0.6 font ',12' "
                  "textcolor rgb '#848d97'"]
    names = (row["shape"].replace(", ", ",\\n") for row in rows)
    tics = ", ".join(f'"{name}" {at}' for at, name in enumerate(names))
    return blocks + f"set xtics ({tics})\n" + PANEL.format(
        title=title, number="%.0s%c" if is_log else "%.0f",
        scale="set logscale y" if is_log else "unset logscale", left=left + 0.065,
        right=left + width - 0.02, last=len(rows) - 1,
        low=10 ** (len(str(int(min(values)))) - 2) if is_log else 0,
        high=max(values) * (3 if is_log else 1.15), plots=", ".join(plots))


def commands(rows, path):
    drawn = [(panel_rows(rows, scenario, metric), scenario, *how)
             for scenario, metric, *how in PANELS]
    drawn = [each for each in drawn if parties_of(each[0])]  # a short run may count nothing
    shown = [row for each in drawn for row in each[0]]
    text, left = HEAD.format(path=path) + "".join(key(shown)), 0
    for found, scenario, title, is_log, share in drawn:
        width = share / sum(each[-1] for each in drawn)
        text += panel(found, left, scenario, title, is_log, width) + "unset label\n"
        left += width
    return text if drawn else ""


def write(rows, path):
    """False: there is nothing to draw, or nothing to draw with."""
    text = commands(rows, path)
    if not text or not shutil.which("gnuplot"):
        return False
    subprocess.run(["gnuplot"], input=text, text=True, check=True)
    return True
