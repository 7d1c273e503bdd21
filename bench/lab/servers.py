"""The servers that mail is sent to: the light sink, and a real Postfix that discards all."""

import json
import os
import shutil
import subprocess
import time

from .network import SERVER, Failed

PORT = 2525
EXTENSIONS = {"plain": [], "pipelining": ["PIPELINING"], "chunking": ["PIPELINING", "CHUNKING"]}
EXTENSIONS["tls"] = EXTENSIONS["chunking"]


class Sink:
    """The light server; it counts, and measures from the first MAIL to the last message that it took."""

    clock = "server"

    def __init__(self, network, kind, folder):
        self.root = os.path.join(folder, "root.pem") if kind == "tls" else None
        tls = [f"tls={self.root}"] if self.root else []
        # Until a reply could be answered: less than the round trip, which is never cut short.
        trip = [f"trip={network.round_trip}"]
        address = f"{network.server_address()}:{PORT}"
        command = [network.program, "sink", address, *EXTENSIONS[kind], *tls, *trip]
        self.process = subprocess.Popen(
            network.inside("server", command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        if self.process.stdout.readline().strip() != "ready":
            raise Failed("the sink does not start")

    def counted(self, _expected=0):
        """What it has counted since it was last asked."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def stop(self):
        self.process.stdin.close()
        self.process.wait()


SERVICES = """
{port} inet n - n - 200 smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
proxymap unix - - n - - proxymap
discard unix - - n - - discard
retry unix - - n - - error
error unix - - n - - error
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""

SETTINGS = """
compatibility_level = 3.6
queue_directory = {root}/queue
data_directory = {root}/data
meta_directory = {root}/etc
maillog_file = {root}/mail.log
maillog_file_prefixes = {root}
inet_interfaces = 127.0.0.1, {address}
inet_protocols = ipv4
myhostname = mail.example.com
mydestination =
mynetworks = 127.0.0.0/8, 198.18.0.0/30
alias_maps =
alias_database =
local_recipient_maps =
disable_dns_lookups = yes
smtpd_peername_lookup = no
default_transport = discard:
relay_transport = discard:
message_size_limit = 20971520
smtpd_relay_restrictions = permit_mynetworks, reject
in_flow_delay = 0s
smtpd_client_connection_count_limit = 0
"""

# Runs Postfix until its own standard input is closed, as it is when this script is killed. Postfix kills its whole process
# group in the end, so it gets one of its own.
KEEPER = """
trap '' INT HUP TERM
setsid "$@" & master=$!
read -r _
kill -TERM $master
wait $master
"""

QUEUES = ["active", "bounce", "corrupt", "defer", "deferred", "flush", "hold", "incoming"]
QUEUES += ["maildrop", "private", "public", "saved", "trace"]


class Postfix:
    """A Postfix of our own, with its queue on this machine's disk; the system's is not touched."""

    clock = "client"
    root = None

    def __init__(self, network, _kind, folder):
        self.folder = os.path.join(folder, "postfix")
        shutil.rmtree(self.folder, ignore_errors=True)
        for name in ["etc", "data", "queue/pid", *(f"queue/{name}" for name in QUEUES)]:
            os.makedirs(os.path.join(self.folder, name))
        for name in ["data", *(f"queue/{name}" for name in QUEUES)]:
            shutil.chown(os.path.join(self.folder, name), "postfix")
        self.write("etc/master.cf", SERVICES.format(port=PORT))
        self.write("etc/main.cf", SETTINGS.format(root=self.folder, address=SERVER))
        self.read = 0
        daemons = subprocess.run(["postconf", "-dh", "daemon_directory"], capture_output=True, text=True, check=True)
        master = [os.path.join(daemons.stdout.strip(), "master"), "-c", os.path.join(self.folder, "etc"), "-d"]
        command = network.inside("server", ["sh", "-c", KEEPER, "keeper", *master])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.wait_until_ready(network)

    def write(self, name, text):
        """Writes a file that looks old: Postfix waits for one that was just written to settle."""
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        os.utime(path, (time.time() - 3600,) * 2)

    def wait_until_ready(self, network):
        probe = f"import socket; print(socket.create_connection(('127.0.0.1', {PORT})).recv(4).decode())"
        for _ in range(100):
            said = subprocess.run(
                network.inside("server", ["python3", "-c", probe]), capture_output=True, text=True, check=False
            )
            if said.stdout.startswith("220"):
                return
            time.sleep(0.1)
        self.stop()
        raise Failed("Postfix does not start; see mail.log")

    def counted(self, expected=0):
        """How many messages it has discarded since this was last asked: waits for so many, while some come every second."""
        count, quiet = 0, 0
        while quiet < 20 and (not expected or count < expected):
            time.sleep(0.05)
            with open(os.path.join(self.folder, "mail.log"), encoding="utf-8", errors="replace") as log:
                log.seek(self.read)
                text = log.read()
                self.read = log.tell()
            more = text.count("status=sent")
            count, quiet = count + more, 0 if more else quiet + 1
        return {"messages": count}

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def start(network, kind, folder):
    return (Postfix if kind == "postfix" else Sink)(network, kind, folder)
