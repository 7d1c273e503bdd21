"""A chart as SVG, without any library: a dot for each program in each panel, on one logarithmic scale."""

import math
from xml.sax.saxutils import escape

STYLE = """
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; fill: #1f2328; }
  .title { font-size: 16px; font-weight: 600; }
  .panel { font-weight: 600; text-anchor: middle; }
  .name { text-anchor: end; }
  .ours { font-weight: 700; }
  .tick { font-size: 11px; fill: #59636e; text-anchor: middle; }
  .value { font-size: 12px; }
  .back { fill: #ffffff; }
  .grid { stroke: #d1d9e0; stroke-width: 1; }
  .stem { stroke: #d1d9e0; stroke-width: 1; stroke-dasharray: 1 3; }
  circle { fill: #818b98; }
  circle.ours { fill: #bc4c00; }
  circle.floor { fill: none; stroke: #1f2328; stroke-width: 1.5; }
  @media (prefers-color-scheme: dark) {
    text { fill: #f0f6fc; }
    .tick { fill: #9198a1; }
    .back { fill: #0d1117; }
    .grid, .stem { stroke: #3d444d; }
    circle { fill: #9198a1; }
    circle.ours { fill: #f0883e; }
    circle.floor { stroke: #f0f6fc; }
  }
"""

LEFT, TOP, ROW, PANEL, GAP, FOOT = 160, 84, 26, 190, 36, 48


def dots(title, panels):
    """An SVG with a row for each program and a panel for each circumstance; each panel is (heading, {program: value})."""
    names = list(dict.fromkeys(name for _, values in panels for name in values))
    every = [value for _, values in panels for value in values.values()]
    low, high = math.floor(math.log10(min(every))), math.ceil(math.log10(max(every)))
    width = LEFT + len(panels) * (PANEL + GAP) + 8
    bottom = TOP + len(names) * ROW
    height = bottom + FOOT
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" role="img">',
        f"<title>{escape(title)}</title><style>{STYLE}</style>",
        f'<rect class="back" width="{width}" height="{height}"/>',
        f'<text class="title" x="16" y="28">{escape(title)}</text>',
    ]
    for row, name in enumerate(names):
        kind = " ours" if name.startswith("posthaste") else ""
        out.append(f'<text class="name{kind}" x="{LEFT - 12}" y="{TOP + row * ROW + 18}">{escape(name)}</text>')
    for number, (heading, values) in enumerate(panels):
        left = LEFT + number * (PANEL + GAP)
        out += panel(left, bottom, heading, low, high)
        for row, name in enumerate(names):
            if name in values:
                out += dot(left, TOP + row * ROW + ROW / 2, name, values[name], low, high)
    out.append(f'<text class="tick" x="{(LEFT + width) / 2:.0f}" y="{height - 10}">messages a second, logarithmic: each line is ten times the one before</text>')
    return "\n".join([*out, "</svg>", ""])


def panel(left, bottom, heading, low, high):
    out = [f'<text class="panel" x="{left + PANEL / 2}" y="{TOP - 14}">{escape(heading)}</text>']
    for power in range(low, high + 1):
        x = left + (power - low) / (high - low) * PANEL
        out.append(f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP - 4}" y2="{bottom + 4}"/>')
        out.append(f'<text class="tick" x="{x:.1f}" y="{bottom + 18}">{short(10**power)}</text>')
    return out


def dot(left, y, name, value, low, high):
    share = (math.log10(value) - low) / (high - low)
    x = left + share * PANEL
    kind = "ours" if name.startswith("posthaste") else "floor" if name == "floor" else "peer"
    # The number stands where there is room for it.
    anchor, at = ("end", x - 9) if share > 0.62 else ("start", x + 9)
    text = f"{value:,.0f}" if value >= 99.5 else f"{value:.1f}"
    return [
        f'<line class="stem" x1="{left}" x2="{left + PANEL}" y1="{y}" y2="{y}"/>',
        f'<circle class="{kind}" cx="{x:.1f}" cy="{y}" r="5.5"/>',
        f'<text class="value {kind}" text-anchor="{anchor}" x="{at:.1f}" y="{y + 4.5}">{text}</text>',
    ]


def short(value):
    return f"{value // 1_000_000} M" if value >= 1_000_000 else f"{value // 1000} k" if value >= 1000 else f"{value:g}"
