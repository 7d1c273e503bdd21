"""The programs that send."""

import os
import subprocess

from .servers import PORT

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ROOT = os.path.dirname(HERE)
FOLDER = os.path.join(ROOT, "target", "bench")


class Client:
    """One program, and how it is called."""

    def __init__(self, name, command, *, nodelay=False, tls=True, chunking=False, fast=False, env=None, seconds=0, note=""):
        self.name = name
        self.command = command
        self.nodelay = nodelay
        self.tls = tls
        # Whether it needs CHUNKING.
        self.chunking = chunking
        # Whether it may have much under way, so that TCP's slow start weighs in a short run.
        self.fast = fast
        self.own = env or {}
        # How long it has to run at least, for its start not to weigh much.
        self.seconds = seconds
        self.note = note

    def arguments(self, host, connections, messages, recipients, file, root):
        job = [host, PORT, connections, messages, recipients, file, *([root] if root else [])]
        return [str(word) for word in [*self.command, *job]]

    def env(self):
        preload = {"LD_PRELOAD": os.path.join(FOLDER, "nodelay.so")} if self.nodelay else {}
        return {**self.own, **preload}


class SmtpSource(Client):
    """Postfix's own load generator has arguments of its own; it doubles dots itself, and wants bare line ends."""

    def arguments(self, host, connections, messages, recipients, file, root):
        plain = file.replace(".eml", ".txt")
        mail = ["-f", "bench@example.com", "-t", "r0@example.com", "-F", plain]
        return [*self.command, "-4", "-d", "-s", connections, "-m", messages, "-r", recipients, *mail, f"inet:{host}:{PORT}"]


PROGRAM = os.path.join(FOLDER, "posthaste-bench")
PEERS = os.path.join(ROOT, "target", "peers", "release", "posthaste-bench-peers")
NODE = os.path.join(FOLDER, "node")

POSTHASTE = Client("posthaste", [PROGRAM, "send"], fast=True, note="default settings; composes each message")
SINGLY = Client("posthaste, one a call", [PROGRAM, "singly"], note="one message in each call, over an open connection")
FLOOR = Client("floor", [PROGRAM, "floor"], tls=False, chunking=True, fast=True, note="hand-written, checks nothing, 64 messages in flight")
COPY = Client("copy", [PROGRAM, "copy"], tls=False, fast=True, note="the same octets over a plain socket")
LETTRE = Client("lettre", [PEERS, "lettre"], note="tokio, pooled, as it comes")
LETTRE_NODELAY = Client("lettre, NODELAY", [PEERS, "lettre"], nodelay=True, note="the same with TCP_NODELAY forced on it")
MAIL_SEND = Client("mail-send, NODELAY", [PEERS, "mail-send"], nodelay=True, note="TCP_NODELAY forced on it")
NODEMAILER = Client(
    "nodemailer", ["node", os.path.join(HERE, "peers", "nodemailer_client.mjs")], nodelay=True, env={"NODEMAILER": NODE}, seconds=1.5,
    note="pooled, TCP_NODELAY forced on it",
)
SMTPLIB = Client(
    "smtplib", ["python3", os.path.join(HERE, "peers", "smtplib_client.py")], nodelay=True,
    note="Python, a thread for each connection, TCP_NODELAY forced on it",
)
SMTP_SOURCE = SmtpSource("smtp-source", ["smtp-source"], nodelay=True, tls=False, note="Postfix's load generator, C")

PEERS_ALL = [LETTRE, LETTRE_NODELAY, MAIL_SEND, NODEMAILER, SMTPLIB, SMTP_SOURCE]
ALL = [POSTHASTE, SINGLY, FLOOR, COPY, *PEERS_ALL]


def prepare(sizes):
    """Builds and installs what is needed, below target/; returns the clients that cannot be had, with the reason."""
    os.makedirs(FOLDER, exist_ok=True)
    missing = {}
    quietly = {"check": True, "stdout": subprocess.DEVNULL}
    cargo = ["cargo", "build", "--release", "--locked", "--quiet"]
    subprocess.run([*cargo, "-p", "posthaste-bench"], cwd=ROOT, check=True)
    # Another build must not take the program away in the middle of a measurement.
    target = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
    subprocess.run(["cp", "-f", os.path.join(target, "release", "posthaste-bench"), PROGRAM], check=True)
    peers = ["--manifest-path", os.path.join(HERE, "peers", "Cargo.toml")]
    subprocess.run([*cargo, *peers, "--target-dir", os.path.join(ROOT, "target", "peers")], check=True)
    shim = [os.path.join(HERE, "peers", "nodelay.c"), "-o", os.path.join(FOLDER, "nodelay.so")]
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", *shim, "-ldl"], check=True)
    try:
        if not os.path.isdir(os.path.join(NODE, "node_modules", "nodemailer")):
            os.makedirs(NODE, exist_ok=True)
            npm = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", NODE, "nodemailer@10.6.0"]
            subprocess.run(npm, **quietly)
        subprocess.run(["node", "--version"], **quietly)
    except (OSError, subprocess.CalledProcessError):
        missing[NODEMAILER.name] = "no node or npm, or nothing to be had from the registry"
    for size in sizes:
        subprocess.run([PROGRAM, "mail", FOLDER, str(size)], check=True)
        with open(message(size), "rb") as file:
            content = file.read()
        with open(message(size).replace(".eml", ".txt"), "wb") as file:
            file.write(content.replace(b"\r\n", b"\n"))
    return missing


def message(size):
    return os.path.join(FOLDER, f"{size}.eml")


def said(*command):
    """What a command prints; `missing` if it cannot be run."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "missing"


def commit():
    """The commit that was measured; with a plus, if something was changed since."""
    changed = said("git", "-C", ROOT, "status", "--porcelain", "--", "message", "smtp", "posthaste", "Cargo.lock")
    return said("git", "-C", ROOT, "rev-parse", "--short", "HEAD") + ("+" if changed else "")


def versions():
    """The versions of all, as they say themselves."""
    with open(os.path.join(HERE, "peers", "Cargo.lock"), encoding="utf-8") as file:
        lock = file.read()

    def locked(name):
        return lock.split(f'name = "{name}"\nversion = "', 1)[1].split('"', 1)[0]

    return [
        f"Linux {said('uname', '-r')}, {said('rustc', '--version')}, Posthaste {commit()}",
        f"lettre {locked('lettre')}, mail-send {locked('mail-send')}, nodemailer 10.6.0 on Node {said('node', '--version')}, "
        f"{said('python3', '--version')}, Postfix {said('postconf', '-dh', 'mail_version')}",
    ]
