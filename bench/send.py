#!/usr/bin/env python3
"""Measures sending beside others, over a link with a round-trip time. As root, on Linux: `bench/send.py --quick`

It makes two network namespaces, joins them, starts servers and clients in them, prints tables, and takes all away at the end.
Nothing leaves the machine but what cargo and npm fetch. `--write` puts tables and chart into bench/README.md and bench/send.svg.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import time

from lab import clients, measuring, report
from lab.network import Network, warn

RESULTS = os.path.join(clients.FOLDER, "send.json")
PACKAGES = {
    "ip": "iproute2", "sysctl": "procps", "ping": "iputils-ping", "cc": "gcc", "cargo": "cargo", "node": "nodejs",
    "npm": "npm", "postconf": "postfix", "smtp-source": "postfix",
}


def main():
    options = arguments()
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    if options.render:
        return publish(load(), options)
    # Ctrl-C and a plain kill both unwind, so that all that was started is stopped.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))
    missing = lacking()
    cells = chosen(options)
    if options.list:
        print(*cells, sep="\n")
        return None
    missing |= clients.prepare(measuring.SIZES)
    for name, why in missing.items():
        warn(f"left out: {name}: {why}")
    seconds = options.seconds or (0.3 if options.quick else 1.5)
    results = load() if options.only else {"cells": {}}
    with Network(clients.PROGRAM) as network:
        results |= {"about": about(network, cells)}
        print(*results["about"], sep="\n", flush=True)
        stop = time.monotonic() + options.minutes * 60
        for number, cell in enumerate(cells):
            if time.monotonic() > stop:
                warn(f"{len(cells) - number} cells are left out: {options.minutes} minutes are over")
                break
            if cell.server == "postfix" and "postfix" in missing:
                continue
            warn(f"[{number + 1}/{len(cells)}] {cell}")
            measured = measuring.measure(network, cell, missing, seconds, options.rounds)
            results["cells"][str(cell)] = measured
            warn(report.one_line(measured))
            save(results)
    return publish(results, options)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    sizes = parser.add_mutually_exclusive_group()
    sizes.add_argument("--quick", action="store_true", help="a few cells, shorter runs: less than four minutes")
    sizes.add_argument("--targets", action="store_true", help="what the table of aims needs: about 20 minutes with --seconds 0.8")
    sizes.add_argument("--every", action="store_true", help="every combination: hours")
    parser.add_argument("--only", default="", help="the cells that have these terms, as rtt=20,size=10kB,server=chunking")
    parser.add_argument("--rounds", type=int, default=3, help="how many times each program runs (3)")
    parser.add_argument("--seconds", type=float, help="how long one run lasts, about (1.5; 0.3 with --quick)")
    parser.add_argument("--minutes", type=float, default=90, help="after which no further cell is begun (90)")
    parser.add_argument("--list", action="store_true", help="only name the cells")
    parser.add_argument("--render", action="store_true", help="measure nothing, print the last figures again")
    parser.add_argument("--write", action="store_true", help="put the tables into bench/README.md, and the chart beside it")
    return parser.parse_args()


def chosen(options):
    sizes = {"quick": measuring.quick, "targets": measuring.targets, "every": measuring.every}
    cells = next((cells for name, cells in sizes.items() if getattr(options, name)), measuring.full)()
    terms = [term for term in options.only.split(",") if term]
    return [cell for cell in cells if cell.matches(terms)]


def lacking():
    """Ends with advice where something is needed that is not there; what can be left out is returned."""
    if os.geteuid() != 0:
        sys.exit("network namespaces are made by root only: run this as root")
    gone = {tool: package for tool, package in PACKAGES.items() if not shutil.which(tool)}
    if gone and shutil.which("apt-get"):
        warn(f"installing {', '.join(sorted(set(gone.values())))}")
        install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(set(gone.values()))]
        quiet = {"check": False, "stdout": subprocess.DEVNULL, "env": {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}}
        subprocess.run(["apt-get", "update", "-qq"], **quiet)
        subprocess.run(install, **quiet)
        gone = {tool: package for tool, package in gone.items() if not shutil.which(tool)}
    needed = sorted({package for tool, package in gone.items() if tool in ("ip", "cc", "cargo", "sysctl")})
    if needed:
        sys.exit(f"missing: {', '.join(needed)}")
    missing = {}
    if "postconf" in gone:
        missing["postfix"] = missing["smtp-source"] = "package postfix is not there"
    return missing


def about(network, cells):
    """What the figures were measured on."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown processor")
    load_now = os.getloadavg()[0]
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as file:
        control = file.read().strip()
    lines = [f"{model}, {os.cpu_count()} cores, load {load_now:.1f} at the start", *clients.versions()]
    lines.append(f"TCP: congestion control {control}, buffers as Linux has them by default")
    for trip in sorted({cell.round_trip for cell in cells} - {0}):
        network.set_round_trip(trip)
        lines.append(f"link of {trip} ms: ping says {network.measured_round_trip()} ms")
    command = " ".join(["bench/send.py", *sys.argv[1:]])
    return [*lines, f"command: {command}"]


def load():
    try:
        with open(RESULTS, encoding="utf-8") as file:
            return json.load(file)
    except OSError:
        return {"cells": {}}


def save(results):
    with open(RESULTS, "w", encoding="utf-8") as file:
        json.dump(results, file, indent=1)


def publish(results, options):
    print(report.tables(results))
    if options.write:
        report.write(results, clients.HERE)


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        sys.exit("stopped")
