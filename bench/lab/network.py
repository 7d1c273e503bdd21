"""Two network namespaces, a client's and a server's, and a link between them that takes its time.

The link is a TUN device at each end, and a program that carries packets from one to the other, each half of the round-trip
time after it came. The devices hand over packets as large as 64 KiB together with how they are to be cut (as network cards
do), so that TCP sees an ordinary MTU of 1500, and one core is enough for well over 100 MB a second.
"""

import fcntl
import os
import re
import signal
import struct
import subprocess
import sys
import time

PREFIX = "posthaste-bench-"
CLIENT, SERVER = "198.18.0.1", "198.18.0.2"  # from the block that RFC 2544 sets aside for benchmarks
LOCAL = "127.0.0.1"
TUNSETIFF, TUNSETOFFLOAD = 0x400454CA, 0x400454D0
TUN, NO_PI, VNET_HDR = 0x0001, 0x1000, 0x4000
CSUM, TSO4 = 0x01, 0x02

# Linux' own defaults, whatever this machine has; and no memory from one connection to the next. Congestion control is the
# machine's: a namespace may not choose freely.
SYSCTLS = {
    "net.ipv4.tcp_rmem": "4096 131072 6291456",
    "net.ipv4.tcp_wmem": "4096 16384 4194304",
    "net.ipv4.tcp_no_metrics_save": "1",
}


def ip(*arguments):
    subprocess.run(["ip", *arguments], check=True)


class Network:
    """Makes the namespaces and the link, and takes them away again."""

    def __init__(self, program):
        self.program = program
        self.names = {side: f"{PREFIX}{os.getpid()}-{side}" for side in ("client", "server")}
        self.devices = []
        self.link = None
        self.round_trip = 0

    def __enter__(self):
        remove_leftovers()
        try:
            for side, address in (("client", CLIENT), ("server", SERVER)):
                ip("netns", "add", self.names[side])
                self.devices.append(self.device(side, address))
                for name, value in SYSCTLS.items():
                    subprocess.run(self.inside(side, ["sysctl", "-qw", f"{name}={value}"]), check=False)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.set_round_trip(0)
        for device in self.devices:
            os.close(device)
        for name in self.names.values():
            subprocess.run(["ip", "netns", "del", name], stderr=subprocess.DEVNULL, check=False)

    def device(self, side, address):
        """A TUN device inside of a namespace; it lives as long as it is open here."""
        name, inside = f"phb{os.getpid()}{side[0]}"[:15], self.names[side]
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
        fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), TUN | NO_PI | VNET_HDR))
        fcntl.ioctl(device, TUNSETOFFLOAD, CSUM | TSO4)
        ip("link", "set", name, "netns", inside)
        ip("-n", inside, "link", "set", "lo", "up")
        ip("-n", inside, "address", "add", f"{address}/30", "dev", name)
        ip("-n", inside, "link", "set", name, "mtu", "1500", "txqueuelen", "20000", "up")
        return device

    def inside(self, side, command):
        """The command, to be run inside of a namespace."""
        return ["ip", "netns", "exec", self.names[side], *map(str, command)]

    def set_round_trip(self, milliseconds):
        """Sets how long a round trip over the link takes; with 0, client and server share a namespace, and its loopback."""
        if milliseconds == self.round_trip:
            return
        if self.link:
            self.link.kill()
            self.link.wait()
            self.link = None
        self.round_trip = milliseconds
        if milliseconds:
            self.link = subprocess.Popen(
                [self.program, "link", str(milliseconds * 500)], stdin=self.devices[0], stdout=self.devices[1]
            )

    def client_side(self):
        return "client" if self.round_trip else "server"

    def server_address(self):
        return SERVER if self.round_trip else LOCAL

    def measured_round_trip(self):
        """What ping says, in milliseconds; `None` where there is no ping."""
        try:
            command = self.inside(self.client_side(), ["ping", "-q", "-c", "5", "-i", "0.1", self.server_address()])
            said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        except OSError:
            return None
        found = re.search(r"= [\d.]+/([\d.]+)/", said)
        return float(found[1]) if found else None


def remove_leftovers():
    """Removes the namespaces of runs that were killed."""
    listed = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    for name in re.findall(rf"^{PREFIX}\d+-\w+", listed, re.MULTILINE):
        if not os.path.exists(f"/proc/{name[len(PREFIX):].split('-')[0]}"):
            subprocess.run(["ip", "netns", "del", name], check=False)


class Failed(Exception):
    """A program failed, or took too long."""


def run(command, env=None, limit=60, log=None):
    """Runs a command to its end: seconds that passed, seconds of CPU, and the most memory that it had, in MB.

    The memory is what the kernel says of the program while it runs: what `wait4` says counts this script's, too, from
    before the program took its place.
    """
    start = time.perf_counter()
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=log or subprocess.DEVNULL,
        env={**os.environ, **(env or {})},
    ) as child:
        peak = 0
        pause = 0.002
        while True:
            # Looked at before it is waited for: then it is surely still there.
            peak = max(peak, high_water(child.pid))
            pid, status, usage = os.wait4(child.pid, os.WNOHANG)
            passed = time.perf_counter() - start
            if pid:
                child.returncode = os.waitstatus_to_exitcode(status)
                break
            if passed > limit:
                child.send_signal(signal.SIGKILL)
            time.sleep(pause)
            pause = min(pause * 1.2, 0.02)
    if passed > limit:
        raise Failed(f"took more than {limit} s")
    if child.returncode:
        raise Failed(f"ended with {child.returncode}")
    return passed, usage.ru_utime + usage.ru_stime, peak / 1024


def high_water(process):
    try:
        with open(f"/proc/{process}/status", encoding="ascii") as file:
            return next((int(line.split()[1]) for line in file if line.startswith("VmHWM")), 0)
    except OSError:
        return 0


def warn(text):
    print(text, file=sys.stderr, flush=True)
