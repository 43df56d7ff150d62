"""The processes of a measurement: the gateway, the floor, a peer, and a fleet of agents that is
told what to do. Everything lives in a fresh directory and ends with the context."""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time


class Servers:
    """A gateway in a directory of its own, and its references beside it. What is made once for
    all runs is kept in work_dir."""

    def __init__(self, bin_dir, work_dir, pairing=None, turn=0, peer=None):
        self.bin, self.children, self.gateway, self.floor = bin_dir, [], None, None
        self.turn, self.peer_program, self.peer, self.kept = turn, peer, None, work_dir
        self.tests = os.path.join(bin_dir, os.pardir, "tests")
        self.home = tempfile.mkdtemp(prefix="s.", dir=work_dir)
        self.pairing = pairing
        self.url = "tls+tcp://127.0.0.1:0"

    def path(self, name):
        return os.path.join(self.bin, name)

    def tool(self, name):
        return os.path.join(self.tests, name)

    def start(self, *command):
        with open(os.path.join(self.home, "log"), "ab") as log:
            child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.children.append(child)
        return child

    def start_floor(self):
        port_file = os.path.join(self.home, "port")
        self.floor = self.start(self.path("bench_floor"), "server", port_file)
        self.port = self.wait(lambda: read_port(port_file))

    def start_peer(self):
        """Nothing, unless it is wanted."""
        if self.peer_program:
            for who, curve in (("server", "P-256"), ("client", "ED25519")):
                make_certificate(os.path.join(self.home, who), curve)
            port_file = os.path.join(self.home, "peer-port")
            self.peer = self.start(self.peer_program, "server", port_file, self.home)
            self.peer_port = self.wait(lambda: read_port(port_file))

    def parties(self):
        """Who is measured; each run begins with another."""
        all_of_them = ["ours", "floor"] + ["peer"] * (self.peer is not None)
        first = self.turn % len(all_of_them)
        return all_of_them[first:] + all_of_them[:first]

    def launch_gateway(self):
        """Starts it without waiting; the same address as before."""
        path = os.path.join(self.home, "gateway.yaml")
        with open(path, "w", encoding="ascii") as config:
            config.write(f'listen: {{devices: "{self.url}"}}\n')
            if self.pairing:
                config.write(f"pairing: {{{self.pairing}}}\n")
        os.chmod(path, 0o600)
        self.gateway = self.start(self.path("openclaw-gateway"), "run", "--data-dir", self.home)

    def start_gateway(self):
        self.launch_gateway()
        self.url = self.wait(lambda: json.loads(self.openclaw("gateway", "info", "-o", "json")))[
            "address"]

    def take_store(self, n_devices):
        """A gateway that does not run has so many devices from now on, under another key."""
        filled = os.path.join(self.kept, f"store-{n_devices}")
        if not os.path.exists(filled):
            run_tool(self.tool("populate"), filled, n_devices)
        own = os.path.join(self.home, "gateway")
        shutil.rmtree(own)
        subprocess.run(["cp", "-R", "--reflink=auto", filled, own], check=True)

    def stop_gateway(self, how=signal.SIGTERM):
        self.gateway.send_signal(how)
        self.gateway.wait(timeout=30)

    def openclaw(self, *words):
        return subprocess.run([self.path("openclaw"), "--data-dir", self.home, *words], check=True,
                              capture_output=True).stdout

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for child in self.children:
            if child.poll() is None:
                child.terminate()
        for child in self.children:
            try:
                child.wait(timeout=10)
            except subprocess.TimeoutExpired:
                child.kill()
        if kind is None:
            shutil.rmtree(self.home)  # what went wrong is in its log

    @staticmethod
    def wait(read):
        end = time.monotonic() + 60
        while True:
            try:
                return read()
            except (OSError, ValueError, subprocess.CalledProcessError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.05)

    def measure(self, who, scenario, *shape):
        if who == "floor":
            return run_tool(self.path("bench_floor"), scenario, self.port, self.floor.pid, *shape)
        if who == "peer":
            return run_tool(self.peer_program, scenario, self.peer_port, self.home, self.peer.pid,
                            *shape)
        tool = "bench_knock" if who == "knock" else "bench_fleet"
        return run_tool(self.path(tool), scenario, self.url, self.home, self.gateway.pid,
                        *shape)

    def resident_kib(self):
        with open(f"/proc/{self.gateway.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 1024

    def database_kib(self):
        folder = os.path.join(self.home, "gateway")
        return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)
                   if name.startswith("gateway.db")) / 1024


def read_port(path):
    with open(path, encoding="ascii") as file:
        return int(file.read())


def make_certificate(path, curve):
    """Self-signed: PATH.crt, and PATH.key."""
    key = ["ed25519"] if curve == "ED25519" else ["ec", "-pkeyopt", f"ec_paramgen_curve:{curve}"]
    subprocess.run(["openssl", "req", "-x509", "-nodes", "-subj", "/CN=localhost", "-addext",
                    "subjectAltName=IP:127.0.0.1", "-keyout", f"{path}.key", "-out",
                    f"{path}.crt", "-newkey", *key], check=True, capture_output=True)


def run_tool(*words):
    """One measuring tool, which prints one JSON object."""
    words = list(map(str, words))
    done = subprocess.run(words, capture_output=True, timeout=900)
    if done.returncode != 0:
        sys.stderr.buffer.write(done.stderr)
        sys.exit(f"{' '.join(words)} ended with {done.returncode}")
    return json.loads(done.stdout)


class Agents:
    """A fleet in one process; see agents.c."""

    def __init__(self, servers, count):
        self.process = subprocess.Popen(
            [servers.tool("agents"), servers.url, servers.home, str(count)], text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def say(self, *words):
        self.process.stdin.write(" ".join(map(str, words)) + "\n")
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit("the fleet of agents ended")
        return json.loads(line)

    def tell(self, *words):
        self.say(*words)
        return self.hear()
