"""What is measured, and how: all programs by turns, each for a second or two, several rounds, the median."""

import os
import statistics
import time
from dataclasses import dataclass

from . import clients
from .network import Failed, run, warn
from .servers import start

ROUND_TRIPS = [0, 5, 20, 50]
SIZES = {1_000: "1 kB", 10_000: "10 kB", 100_000: "100 kB", 5_000_000: "5 MB"}
CONNECTIONS = [1, 4, 16]


@dataclass(frozen=True)
class Cell:
    """One circumstance in which all programs are measured."""

    server: str
    round_trip: int
    size: int
    connections: int = 1
    recipients: int = 1

    def __str__(self):
        size = SIZES[self.size].replace(" ", "")
        return (
            f"server={self.server},rtt={self.round_trip},size={size},connections={self.connections},"
            f"recipients={self.recipients}"
        )

    def matches(self, terms):
        """Whether all these terms, as `rtt=20`, say so."""
        own = str(self).split(",")
        return all(term in own for term in terms)

    def clients(self):
        """Who can be measured here."""
        if self.recipients > 1:
            return [clients.POSTHASTE, clients.SINGLY, *clients.PEERS_ALL]
        found = [clients.POSTHASTE, clients.FLOOR, *clients.PEERS_ALL]
        if self.server == "chunking" and self.size >= 100_000:
            found.insert(2, clients.COPY)
        tls, chunking = self.server == "tls", self.server in ("chunking", "tls", "postfix")
        return [one for one in found if (one.tls or not tls) and (chunking or not one.chunking)]


def quick():
    """A few cells that show the most."""
    return [
        Cell("chunking", 0, 1_000),
        Cell("chunking", 0, 10_000),
        Cell("chunking", 20, 10_000),
        Cell("chunking", 0, 5_000_000),
        Cell("plain", 0, 10_000),
        Cell("tls", 0, 10_000),
        Cell("chunking", 20, 1_000, recipients=3),
        Cell("postfix", 20, 10_000),
    ]


def targets():
    """The cells that the table of what we aim at needs, and no others."""
    cells = [Cell("chunking", trip, 10_000) for trip in ROUND_TRIPS]
    cells += [Cell("chunking", 0, 1_000), Cell("plain", 0, 10_000), Cell("tls", 0, 10_000)]
    cells += [Cell("chunking", trip, 5_000_000) for trip in ROUND_TRIPS]
    cells += [Cell(server, 20, 1_000, recipients=3) for server in ("chunking", "pipelining")]
    return cells + [Cell("postfix", trip, 10_000) for trip in (20, 50)]


def full():
    """All round-trip times and sizes over one connection; more connections and other servers with 10 kB. What matters most comes
    first, should the time be short."""
    cells = [Cell("chunking", trip, 10_000) for trip in ROUND_TRIPS]
    cells += [Cell("postfix", trip, 10_000) for trip in ROUND_TRIPS]
    cells += [Cell(server, trip, 10_000) for server in ("plain", "pipelining", "tls") for trip in (0, 20)]
    cells += [Cell(server, 20, 1_000, recipients=3) for server in ("chunking", "pipelining", "plain")]
    cells += [Cell("chunking", trip, size) for size in (1_000, 5_000_000, 100_000) for trip in ROUND_TRIPS]
    cells += [Cell("chunking", trip, 10_000, many) for trip in ROUND_TRIPS for many in CONNECTIONS[1:]]
    cells += [Cell("postfix", trip, 10_000, many) for trip in (0, 20) for many in CONNECTIONS[1:]]
    return cells


def every():
    """Every combination; this takes hours."""
    cells = [
        Cell(server, trip, size, many)
        for server in ("chunking", "pipelining", "plain", "postfix")
        for trip in ROUND_TRIPS
        for size in SIZES
        for many in CONNECTIONS
    ]
    return cells + [cell for cell in full() if cell not in cells]


class Round:
    """One program at one server, as often as is asked."""

    def __init__(self, network, server, cell, client):
        self.network, self.server, self.cell, self.client = network, server, cell, client
        self.log = os.path.join(clients.FOLDER, "client.log")
        # The start of the program, of its connections and their end: to be taken off.
        self.passed, self.cpu = 0.0, 0.0
        self.count = cell.connections

    def send(self, count):
        """Sends so many messages: seconds, seconds of CPU, MB of memory, round trips a message."""
        cell, client = self.cell, self.client
        file = clients.message(cell.size)
        arguments = client.arguments(
            self.network.server_address(), cell.connections, count, cell.recipients, file, self.server.root
        )
        command = self.network.inside(self.network.client_side(), arguments)
        with open(self.log, "w+", encoding="utf-8", errors="replace") as log:
            try:
                passed, cpu, memory = run(command, client.env(), limit=120, log=log)
            except Failed as failed:
                self.server.counted()
                log.seek(0)
                raise Failed(f"{failed}: {log.read()[-300:].strip()}") from failed
        counted = self.server.counted(count)
        self.check(counted, count, os.path.getsize(file))
        warm = counted.get("warm")
        return counted.get("seconds", passed), cpu, memory, counted["turns"] / warm if warm else None

    def check(self, counted, count, size):
        """Fails if anything was lost, doubled or cut."""
        if self.client is clients.COPY:
            counted["messages"] = counted["octets"] // size
        if counted["messages"] != count:
            raise Failed(f"{counted['messages']} of {count} messages arrived")
        octets = counted.get("octets")
        if octets is not None and not 0.95 < octets / (count * size) < 1.05:
            raise Failed(f"{octets} octets arrived, of {count} messages of {size}")

    def calibrate(self, seconds):
        """Finds how many messages take about so long."""
        least = self.count
        seconds = max(seconds, self.client.seconds)
        if self.client.fast and self.cell.round_trip:
            seconds = max(seconds, 1.5)
        if self.server.clock == "client":
            # What is taken off differs from run to run, and must not weigh much.
            seconds = max(seconds, 1.5)
        passed, self.cpu, _, _ = self.send(least)
        if self.server.clock == "client":
            self.passed = passed
        count = least * 4
        for _ in range(6):
            passed = max(self.send(count)[0] - self.passed, 0.001)
            if passed > seconds * 0.4:
                break
            count = int(count * min(seconds / passed, 20))
        self.count = max(int(count * seconds / passed), least * 3)
        self.least = least

    def measure(self):
        passed, cpu, memory, trips = self.send(self.count)
        if self.server.clock == "client":
            # Less a run with one message a connection, which has all but the messages.
            messages = self.count - self.least
            passed = max(passed - self.send(self.least)[0], 0.001)
        else:
            messages = self.count
        return {
            "rate": messages / passed,
            # What starting costs varies by more than a few messages cost.
            "cpu": (cpu - self.cpu) / (self.count - self.least) * 1000 if cpu > self.cpu * 2 else None,
            "memory": memory,
            "trips": trips,
        }


def measure(network, cell, missing, seconds, rounds):
    """All programs in turn, so many rounds: by name the median of each figure, the spread of the rates, or why there is none."""
    network.set_round_trip(cell.round_trip)
    server = start(network, cell.server, clients.FOLDER)
    found, failed, turns = {}, {}, []
    try:
        for client in cell.clients():
            if client.name in missing:
                continue
            one = Round(network, server, cell, client)
            try:
                one.calibrate(seconds)
                turns.append(one)
            except Failed as why:
                failed[client.name] = str(why)
        for _ in range(rounds):
            for one in turns:
                try:
                    found.setdefault(one.client.name, []).append(one.measure())
                except Failed as why:
                    failed[one.client.name] = str(why)
    finally:
        server.stop()
    for name, why in failed.items():
        warn(f"  {name}: failed: {why}")
    results = {name: summary(runs) for name, runs in found.items() if name not in failed}
    results.update({name: {"failed": why} for name, why in failed.items()})
    return {"results": results, "commit": clients.commit(), "at": time.strftime("%Y-%m-%d %H:%M"), "rounds": rounds, "seconds": seconds}


def summary(runs):
    def middle(key):
        values = [one[key] for one in runs if one[key] is not None]
        return statistics.median(values) if values else None

    rates = [one["rate"] for one in runs]
    result = {key: middle(key) for key in ("rate", "cpu", "memory", "trips")}
    result["spread"] = (max(rates) - min(rates)) / result["rate"]
    return result
