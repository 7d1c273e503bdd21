#!/usr/bin/env python3
"""Measures the program: size, start, memory on large input. `cargo build --release -p posthaste-cli && python3 bench/program.py`

The server is a thread of this script that takes everything; beside Posthaste, Python's smtplib sends the same attachment.
"""

import json
import os
import socketserver
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.join(ROOT, "target", "release", "posthaste")
SMTPLIB = """
import smtplib, sys
from email.message import EmailMessage
mail = EmailMessage()
mail["Subject"], mail["From"], mail["To"] = "big", "a@example.com", "b@example.com"
mail.set_content("text")
data = open(sys.argv[1], "rb").read()
mail.add_attachment(data, maintype="application", subtype="octet-stream", filename="big.bin")
with smtplib.SMTP("127.0.0.1", int(sys.argv[2])) as server:
    server.send_message(mail)
"""


class Sink(socketserver.StreamRequestHandler):
    """Takes every mail, and counts."""

    count = 0

    def handle(self):
        self.say("220 sink")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250-sink\r\n250 8BITMIME")
            elif verb == b"DATA":
                self.say("354 go")
                while self.rfile.readline() != b".\r\n":
                    pass
                Sink.count += 1
                self.say("250 taken")
            elif verb == b"QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")


def run(command, source=None, **env):
    """Runs a command to its end; its seconds and the most memory that it had, in MB."""
    start = time.perf_counter()
    child = subprocess.Popen(
        command, stdin=source, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **env}
    )
    peak = 0
    while child.poll() is None:
        peak = max(peak, high_water(child.pid))
        time.sleep(0.0005)
    if child.returncode:
        sys.exit(f"{command[:3]} failed: {child.returncode}")
    return time.perf_counter() - start, peak / 1024


def duration(command, **env):
    """The median of the seconds that a short command takes."""
    def once():
        start = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ, **env})
        return time.perf_counter() - start

    return statistics.median(once() for _ in range(20))


def high_water(process):
    """The most memory so far, in kB. What wait4 tells would count this script's own, from before the exec."""
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def lines(path, count):
    """Writes that many messages, one a line."""
    with open(path, "w", encoding="utf-8") as file:
        for number in range(count):
            message = {"subject": f"Nr. {number}", "body": "How are you?", "to": ["b@example.com"]}
            file.write(json.dumps(message) + "\n")


def main():
    socketserver.ThreadingTCPServer.daemon_threads = True
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Sink)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = str(server.server_address[1])
    smtp = {"EMAIL_BACKEND": "smtp", "EMAIL_HOST": "127.0.0.1", "EMAIL_PORT": port}
    print(f"{'the program':44}{os.path.getsize(PROGRAM) / 1e6:8.1f} MB")
    nothing = duration(["/bin/true"])
    one = [PROGRAM, "send", "--to", "b@example.com", "--subject", "x", "--body", "y"]
    sent = duration(one, **smtp)
    print(f"{'one mail by SMTP, from start to end':44}{sent * 1e3:8.1f} ms   (/bin/true {nothing * 1e3:.1f})")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "big.bin")
        with open(path, "wb") as file:
            file.write(os.urandom(50 << 20))
        _, ours = run([*one, "--attach", path], **smtp)
        _, theirs = run([sys.executable, "-c", SMTPLIB, path, port])
        print(f"{'50 MB attached, by SMTP: peak memory':44}{ours:8.1f} MB   (smtplib {theirs:.0f}: ratio {theirs / ours:.0f})")
        path = os.path.join(folder, "many.ndjson")
        for count, backend in [(10, smtp), (100_000, smtp), (1_000_000, {"EMAIL_BACKEND": "dummy"})]:
            lines(path, count)
            with open(path, "rb") as source:
                before = Sink.count
                seconds, peak = run([PROGRAM, "send", "--json", "-"], source, **backend)
            if backend is smtp and Sink.count - before != count:
                sys.exit(f"{Sink.count - before} of {count} arrived")
            name = f"{count:,} lines to {backend['EMAIL_BACKEND']}: peak memory"
            print(f"{name:44}{peak:8.1f} MB   ({seconds:.1f} s)")


if __name__ == "__main__":
    main()
