#!/usr/bin/env python3
"""Measures the inbox beside aiosmtpd and maildev. On Linux: `bench/inbox.py`, or `bench/inbox.py --quick`

All servers run on loopback, one at a time and by turns, and are told to keep (or, aiosmtpd, to throw away) the same mails by Postfix's
load generator. Prints Markdown; `--write` puts it into bench/README.md. Nothing leaves the machine but what cargo, npm and pip fetch.
"""

import argparse
import contextlib
import os
import re
import shutil
import smtplib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
FOLDER = os.path.join(ROOT, "target", "bench")
PROGRAM = os.path.join(ROOT, "target", "release", "posthaste")
AIOSMTPD, MAILDEV = "1.4.6", "3.0.0"
OCTETS, CONNECTIONS = 5000, 4
BEGIN, END = "<!-- inbox: begin -->", "<!-- inbox: end -->"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer mails: a minute")
    parser.add_argument("--write", action="store_true", help="put the figures into bench/README.md")
    options = parser.parse_args()
    os.environ["PATH"] += ":/usr/sbin"
    if not shutil.which("smtp-source"):
        sys.exit("missing: smtp-source (package postfix)")
    many = 10_000 if options.quick else 100_000
    text = "\n".join([*machine(), "", *intake(options.quick), "", *volume(many), "", *small()])
    print(text)
    if options.write:
        write(text)


class Server:
    """A program that takes mail at a port, from its start until it is stopped."""

    def __init__(self, name, command, port, web=None):
        self.name, self.port, self.web = name, port, web
        begun = time.perf_counter()
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdout=quiet, stderr=quiet, stdin=quiet)
        self.ready = self.wait(begun)

    def wait(self, begun):
        while time.perf_counter() - begun < 20:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                connection.settimeout(5)
                if connection.recv(3) == b"220":
                    return time.perf_counter() - begun
            time.sleep(0.002)
        sys.exit(f"{self.name} does not start")

    def memory(self):
        """Resident octets, as Linux counts them."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("VmRSS"))

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def inbox(name, *arguments):
    smtp, web = free_port(), free_port()
    command = [PROGRAM, "inbox", "--quiet", "--smtp", f"127.0.0.1:{smtp}", "--web", f"127.0.0.1:{web}", "--keep", "1000000"]
    return Server(name, [*command, "--keep-bytes", "8G", *arguments], smtp, web)


def aiosmtpd():
    port = free_port()
    python = os.path.join(FOLDER, "aiosmtpd", "bin", "python")
    handler = ["-c", "aiosmtpd.handlers.Sink"]
    return Server("aiosmtpd", [python, "-m", "aiosmtpd", "-n", "-l", f"127.0.0.1:{port}", *handler], port)


def maildev():
    port, web = free_port(), free_port()
    program = os.path.join(FOLDER, "maildev", "node_modules", ".bin", "maildev")
    command = [program, "--smtp", str(port), "--web", str(web), "--ip", "127.0.0.1", "--web-ip", "127.0.0.1"]
    return Server("maildev", command, port)


def fill(server, count, connections=CONNECTIONS):
    """Sends so many mails, one command at a time over connections that stay open; returns the seconds that it took."""
    command = ["smtp-source", "-4", "-d", "-s", str(connections), "-m", str(count), "-l", str(OCTETS)]
    begun = time.perf_counter()
    command += ["-f", "bench@example.com", "-t", "ann@example.com", f"inet:127.0.0.1:{server.port}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), "unknown processor")
    subprocess.run(["cargo", "build", "--release", "--locked", "--quiet", "-p", "posthaste-cli"], cwd=ROOT, check=True)
    prepare()
    said = " ".join(["bench/inbox.py", *sys.argv[1:]])
    return [f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start; `{said}`"]


def prepare():
    os.makedirs(FOLDER, exist_ok=True)
    python = os.path.join(FOLDER, "aiosmtpd")
    if not os.path.exists(os.path.join(python, "bin", "aiosmtpd")):
        subprocess.run(["python3", "-m", "venv", python], check=True)
        subprocess.run([f"{python}/bin/pip", "install", "--quiet", f"aiosmtpd=={AIOSMTPD}"], check=True)
    node = os.path.join(FOLDER, "maildev")
    if not os.path.exists(os.path.join(node, "node_modules")):
        os.makedirs(node, exist_ok=True)
        install = ["npm", "install", "--silent", "--no-save", "--prefix", node, f"maildev@{MAILDEV}"]
        subprocess.run(install, check=True)


def intake(quick):
    """Mails a second of each, by turns."""
    database = os.path.join(tempfile.mkdtemp(prefix="inbox-bench"), "mails.db")
    servers = [
        (lambda: inbox("inbox, memory"), 20_000),
        (lambda: inbox("inbox, SQLite", "--db", database), 5_000),
        (aiosmtpd, 3_000),
        (maildev, 2_000),
    ]
    rates = {}
    for _ in range(3):
        for start, count in servers:
            server = start()
            fill(server, 200)
            count = count // 4 if quick else count
            rates.setdefault(server.name, []).append(count / fill(server, count))
            server.stop()
    shutil.rmtree(os.path.dirname(database))
    base = statistics.median(rates["aiosmtpd"])
    yield f"Intake, mails of {OCTETS:,} octets a second, {CONNECTIONS} connections, one command at a time; three rounds by turns:"
    yield ""
    yield "| server | rounds | ratio to aiosmtpd |"
    yield "|---|---|---|"
    for name, each in rates.items():
        shown = " / ".join(f"{rate:,.0f}" for rate in each)
        yield f"| {name} | {shown} | {statistics.median(each) / base:.1f} |"


def volume(count):
    """What so many mails need, and how long the list takes then."""
    yield f"With {count:,} mails of {OCTETS:,} octets:"
    yield ""
    yield "| | memory | list page | `GET /api/v1/messages` | search for a word | told by SSE after the 250 |"
    yield "|---|---|---|---|---|---|"
    folder = tempfile.mkdtemp(prefix="inbox-bench")
    for name, arguments in [("in memory", []), ("SQLite", ["--db", os.path.join(folder, "mails.db")])]:
        server = inbox(name, *arguments)
        fill(server, count, 16)
        resident = server.memory() / 1e6
        page, api = timed(server, "/"), timed(server, "/api/v1/messages")
        search = timed(server, "/api/v1/messages?q=nothingisso", 3)
        told = statistics.median(told_after(server) for _ in range(5))
        yield f"| {name} | {resident:.0f} MB | {page:.1f} ms | {api:.1f} ms | {search:.1f} ms | {told:.1f} ms |"
        server.stop()
    shutil.rmtree(folder)


def timed(server, path, times=20):
    """Milliseconds until the whole answer is there, the median."""
    taken = []
    for _ in range(times):
        begun = time.perf_counter()
        with urllib.request.urlopen(f"http://127.0.0.1:{server.web}{path}") as answer:
            answer.read()
        taken.append((time.perf_counter() - begun) * 1000)
    return statistics.median(taken)


def told_after(server):
    """Milliseconds from the answer to a mail to the event that tells of it."""
    events = urllib.request.urlopen(f"http://127.0.0.1:{server.web}/api/v1/events", timeout=20)
    with smtplib.SMTP("127.0.0.1", server.port) as client:
        client.sendmail("a@example.com", ["b@example.com"], "Subject: now\r\n\r\nnow\r\n")
        begun = time.perf_counter()
        for line in events:
            if line.startswith(b"event: message"):
                return (time.perf_counter() - begun) * 1000
    return float("inf")


def small():
    """Start, sizes."""
    starts = []
    for _ in range(5):
        server = inbox("start")
        starts.append(server.ready * 1000)
        server.stop()
    server = inbox("page")
    fill(server, 20, 1)
    total = 0
    with urllib.request.urlopen(f"http://127.0.0.1:{server.web}/m/1") as answer:
        page = answer.read().decode()
    total += len(page)
    for path in sorted(set(re.findall(r'(?:src|href)="(/[^"]+\.(?:css|js|svg)[^"]*)"', page))):
        with urllib.request.urlopen(f"http://127.0.0.1:{server.web}{path}") as answer:
            total += len(answer.read())
    server.stop()
    yield f"- from start to the greeting: {statistics.median(starts):.0f} ms"
    yield f"- page, style sheet, script and icon: {total / 1000:.1f} kB"
    yield f"- the program, stripped: {os.path.getsize(PROGRAM) / 1e6:.1f} MB"


def write(text):
    path = os.path.join(HERE, "README.md")
    with open(path, encoding="utf-8") as file:
        readme = file.read()
    before, rest = readme.split(BEGIN)
    _, after = rest.split(END)
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{before}{BEGIN}\n{text}\n{END}{after}")


if __name__ == "__main__":
    main()
