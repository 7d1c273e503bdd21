"""Tables, targets and the chart."""

import os
import statistics

from . import chart
from .measuring import CONNECTIONS, ROUND_TRIPS, SIZES, Cell

OURS = "posthaste"
BEGIN, END = "<!-- send.py writes from here -->", "<!-- to here -->"
LIBRARIES = ["lettre, NODELAY", "mail-send, NODELAY", "nodemailer", "smtplib"]


def one_line(measured):
    def show(name, result):
        if "failed" in result:
            return f"{name} failed"
        return f"{name} {rate(result['rate'])} (±{result['spread'] / 2:.0%})"

    return "    " + "; ".join(show(*item) for item in measured["results"].items())


def rate(value):
    return f"{value:,.0f}" if value >= 99.5 else f"{value:.1f}"


def number(value):
    if value is None:
        return ""
    if 0 < value < 0.005:
        return "< 0.01"
    return f"{value:.0f}" if value >= 99.5 else f"{value:.1f}" if value >= 9.95 else f"{value:.2f}"


class Figures:
    """What was measured, by cell and program."""

    def __init__(self, results):
        self.cells = results["cells"]

    def get(self, cell, name, key="rate"):
        return self.cells.get(str(cell), {}).get("results", {}).get(name, {}).get(key)

    def names(self, cells):
        found = []
        for cell in cells:
            found += [name for name in self.cells.get(str(cell), {}).get("results", {}) if name not in found]
        return found

    def table(self, title, columns, show):
        """A Markdown table; nothing if none of its cells was measured."""
        columns = [(label, cell) for label, cell in columns if str(cell) in self.cells]
        if not columns:
            return []
        lines = [title, "", "| | " + " | ".join(label for label, _ in columns) + " |"]
        lines.append("|---" * (len(columns) + 1) + "|")
        for name in self.names(cell for _, cell in columns):
            shown = [show(cell, name) for _, cell in columns]
            if any(shown):
                bold = "**" if name == OURS else ""
                lines.append(f"| {bold}{name}{bold} | " + " | ".join(shown) + " |")
        return [*lines, ""]

    def rates(self, cell, name):
        """The rate, and how many times Posthaste is of it."""
        own, ours = self.get(cell, name), self.get(cell, OURS)
        if own is None:
            return "failed" if self.get(cell, name, "failed") else ""
        return rate(own) if name == OURS or not ours else f"{rate(own)} ({number(ours / own)})"

    def ratio(self, cell, name, key="rate"):
        """How many times Posthaste is of that program."""
        own, ours = self.get(cell, name, key), self.get(cell, OURS, key)
        return ours / own if own and ours else None

    def best(self, cell, names):
        """How many times Posthaste is of the best of these."""
        found = [self.ratio(cell, name) for name in names]
        return min((one for one in found if one), default=None)


def tables(results):
    figures = Figures(results)
    lines = [f"- {line}" for line in results.get("about", [])]
    found = results["cells"].values()
    commits = sorted({cell["commit"] for cell in found})
    noise = [one["spread"] / 2 for cell in found for one in cell["results"].values() if "spread" in one]
    if noise:
        lines.append(f"- median of {min(cell['rounds'] for cell in found)} rounds; half of all rates lie within {statistics.median(noise):.0%} of it, nine of ten within {sorted(noise)[len(noise) * 9 // 10]:.0%}")
    if len(commits) > 1:
        lines.append(f"- **not all of one commit**: {', '.join(commits)}")
    lines.append("")
    trips = [(f"{trip} ms" if trip else "loopback", trip) for trip in ROUND_TRIPS]
    for size, name in SIZES.items():
        columns = [(label, Cell("chunking", trip, size)) for label, trip in trips]
        title = f"**{name}, one connection, sink with PIPELINING and CHUNKING**, by round-trip time:"
        lines += figures.table(title, columns, figures.rates)
    for many in CONNECTIONS[1:]:
        columns = [(label, Cell("chunking", trip, 10_000, many)) for label, trip in trips]
        lines += figures.table(f"**10 kB, {many} connections, the same sink:**", columns, figures.rates)
    kinds = {"plain": "no extension", "pipelining": "PIPELINING alone", "tls": "TLS, both extensions"}
    columns = [(f"{kind}, {label}", Cell(server, trip, 10_000)) for server, kind in kinds.items() for label, trip in trips]
    lines += figures.table("**10 kB, one connection, sinks that announce other things:**", columns, figures.rates)
    columns = [
        (f"{label}, {many} connection{'s' if many > 1 else ''}", Cell("postfix", trip, 10_000, many))
        for many in CONNECTIONS for label, trip in trips
    ]
    lines += figures.table("**10 kB, a real Postfix that discards all:**", columns, figures.rates)
    return "\n".join([*lines, *costs(figures), *targets(figures)])


def costs(figures):
    def value(key):
        return lambda cell, name: number(figures.get(cell, name, key))

    sizes = [(name, Cell("chunking", 0, size)) for size, name in SIZES.items()]
    lines = figures.table("**CPU of the client, milliseconds a message**, loopback, start not counted:", sizes, value("cpu"))
    lines += figures.table("**Peak memory of the client, MB**, loopback:", sizes, value("memory"))
    kinds = {"chunking": "PIPELINING and CHUNKING", "pipelining": "PIPELINING alone", "plain": "no extension"}
    columns = [(kind, Cell(server, 20, 1_000, recipients=3)) for server, kind in kinds.items()]
    title = "**Round trips a message, three recipients**, warm connection, counted at the server:"
    return lines + figures.table(title, columns, value("trips"))


def targets(figures):
    """What we aim at, and what has come of it."""
    rows = []

    def aim(what, measured, least=None, most=None):
        if measured is not None:
            met = (least is None or measured >= least) and (most is None or measured <= most)
            wanted = f"≥ {least}" if most is None else f"≤ {most}"
            rows.append(f"| {what} | {wanted} | {measured:.4g} | {'met' if met else '**missed**'} |")

    for trip, least in ((20, 60), (50, 100)):
        aim(f"real Postfix, 10 kB, {trip} ms: times lettre", figures.ratio(Cell("postfix", trip, 10_000), "lettre"), least)
    for trip, least in ((5, 150), (20, 200), (50, 200)):
        cell = Cell("chunking", trip, 10_000)
        aim(f"sink, 10 kB, {trip} ms: times lettre", figures.ratio(cell, "lettre"), least)
        aim(f"sink, 10 kB, {trip} ms: of the floor", figures.ratio(cell, "floor"), 0.5)
    for size in (1_000, 10_000):
        cell, what = Cell("chunking", 0, size), f"sink, {SIZES[size]}, loopback"
        aim(f"{what}: times smtp-source", figures.ratio(cell, "smtp-source"), 8)
        aim(f"{what}: times lettre with TCP_NODELAY", figures.ratio(cell, "lettre, NODELAY"), 12)
        aim(f"{what}: CPU, of lettre's with TCP_NODELAY", figures.ratio(cell, "lettre, NODELAY", "cpu"), most=0.25)
        aim(f"{what}: of the floor", figures.ratio(cell, "floor"), 0.5)
    cell = Cell("plain", 0, 10_000)
    aim("no extensions, 10 kB, loopback: of smtp-source", figures.ratio(cell, "smtp-source"), 0.95)
    aim("no extensions, 10 kB, loopback: times the best library", figures.best(cell, LIBRARIES), 1)
    aim("TLS, 10 kB, loopback: times the best library", figures.best(Cell("tls", 0, 10_000), LIBRARIES), 1.2)
    for server, most in (("chunking", 1), ("pipelining", 2)):
        cell = Cell(server, 20, 1_000, recipients=3)
        aim(f"one message a call, {server}: round trips", figures.get(cell, "posthaste, one a call", "trips"), most=most)
    aim("5 MB, loopback: times lettre with TCP_NODELAY", figures.ratio(Cell("chunking", 0, 5_000_000), "lettre, NODELAY"), 5)
    for trip in ROUND_TRIPS:
        where = f"{trip} ms" if trip else "loopback"
        aim(f"5 MB, {where}: of a plain copy", figures.ratio(Cell("chunking", trip, 5_000_000), "copy"), 0.9)
    if not rows:
        return []
    return ["**What we aim at**, always Posthaste beside another:", "", "| | aim | measured | |", "|---|---|---|---|", *rows, ""]


def write(results, folder):
    """Puts the tables between the marks in README.md, and the chart into send.svg."""
    path = os.path.join(folder, "README.md")
    with open(path, encoding="utf-8") as file:
        before, rest = file.read().split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n\n{tables(results)}\n{END}{after}")
    figures = Figures(results)
    panels = [
        (f"{trip} ms round trip" if trip else "loopback", {
            name: figures.get(cell, name) for name in figures.names([cell]) if figures.get(cell, name)
        })
        for trip in ROUND_TRIPS
        for cell in [Cell("chunking", trip, 10_000)]
    ]
    with open(os.path.join(folder, "send.svg"), "w", encoding="utf-8") as file:
        file.write(chart.dots("Messages a second: 10 kB, one connection, server with PIPELINING and CHUNKING", panels))
