"""A stranger at the front door: every kind of bad traffic, while a canary keeps asking.

    hostile.py HOST PORT GATEWAY_PID WORK_DIR

Prints one line per attack; ends with 1 when the gateway accepted what it must refuse, when the
canary missed once, or when descriptors or memory did not return. Bounded in count and time.
"""
import os
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

GREETING = bytes.fromhex("0053500000300000")
WORD = 0x80000001
HEALTH = bytes.fromhex("080110c801")  # Call{version: 1, method: 200}
DEADLINE_S = 9  # the gateway's own is 5 s of waiting for the peer


def frame(body, word=WORD):
    return struct.pack(">QI", len(body) + 4, word) + body


class Door:
    def __init__(self, host, port, work):
        self.host, self.port, self.work = host, port, work

    def tcp(self, source="127.0.0.1"):
        return socket.create_connection((self.host, self.port), timeout=DEADLINE_S,
                                        source_address=(source, 0))

    def certificate(self, name, algorithm):
        key, pem = (os.path.join(self.work, f"{name}.{end}") for end in ("key", "pem"))
        if not os.path.exists(pem):
            subprocess.run(["openssl", "req", "-x509", "-newkey", *algorithm, "-nodes", "-keyout",
                            key, "-out", pem, "-subj", "/CN=oc", "-days", "3650"], check=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return pem, key

    def tls(self, identity=None, newest=None, source="127.0.0.1"):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if newest:
            context.maximum_version = newest
        if identity:
            context.load_cert_chain(*identity)
        raw = self.tcp(source)
        return context.wrap_socket(raw)

    def device(self, source="127.0.0.1"):
        return self.tls(self.certificate("device", ["ed25519"]), source=source)


def read_all(sock, n):
    data = b""
    while len(data) < n:
        chunk = sock.recv(n - len(data))
        if not chunk:
            return None
        data += chunk
    return data


def call(sock, body, word=WORD):
    """One reply's envelope, or None when the gateway closed."""
    try:
        sock.sendall(frame(body, word))
        header = read_all(sock, 8)
        return header and read_all(sock, struct.unpack(">Q", header)[0])
    except OSError:
        return None


def greeted(door, source="127.0.0.1"):
    sock = door.device(source)
    sock.sendall(GREETING)
    if read_all(sock, 8) is None:
        raise OSError("no greeting")
    return sock


def is_closed(sock):
    """Whether the gateway ends this connection within its deadline."""
    sock.settimeout(DEADLINE_S)
    try:
        while True:
            if not sock.recv(4096):
                return True
    except socket.timeout:
        return False
    except OSError:
        return True


class Canary(threading.Thread):
    """Asks Health over a fresh connection, again and again, from another address."""

    def __init__(self, door):
        super().__init__(daemon=True)
        self.door, self.ends = door, threading.Event()
        self.asked, self.missed, self.worst = 0, 0, 0.0

    def run(self):
        while not self.ends.wait(0.2):
            start = time.monotonic()
            try:
                with greeted(self.door, "127.0.0.9") as sock:
                    answer = call(sock, HEALTH)
                ok = answer is not None and answer[4:6] == b"\x08\x01"
            except OSError:
                ok = False
            self.asked += 1
            self.missed += 0 if ok else 1
            self.worst = max(self.worst, time.monotonic() - start)


def refused_tls(door, **options):
    try:
        with door.tls(**options) as sock:
            sock.sendall(GREETING)
            sock.settimeout(DEADLINE_S)
            # TLS 1.3 clients finish before the server judges: the proof is the missing greeting.
            return read_all(sock, 8) is None
    except OSError:
        return True


def cut_off(door, sends, tls=True):
    sock = greeted(door) if tls else door.tcp()
    with sock:
        try:
            sock.sendall(sends)
        except OSError:
            return True
        return is_closed(sock)


def pokes(door):
    for i in range(200):
        sock = door.tcp()
        if i % 3 == 1:
            sock.sendall(os.urandom(64))
        if i % 3 == 2:
            sock.shutdown(socket.SHUT_WR)
        if i % 2:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    return True


def silent(door):
    socks = [door.tcp() for _ in range(40)]
    return all(is_closed(s) for s in socks)


def dribbling(door):
    hello = bytes.fromhex("1603010200010001fc0303") + os.urandom(200)
    with door.tcp() as sock:
        sock.settimeout(0.1)
        start = time.monotonic()
        for byte in hello:
            try:
                sock.send(bytes([byte]))
                if sock.recv(1) == b"":
                    return True
            except socket.timeout:
                pass
            except OSError:
                return True
            if time.monotonic() - start > DEADLINE_S:
                return False
        return is_closed(sock)


def silent_after_handshake(door):
    with greeted(door) as sock:
        return is_closed(sock)


def vanishing(door):
    for _ in range(50):
        sock = greeted(door)
        for word in range(8):
            sock.sendall(frame(HEALTH, 0x80000000 | word))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        sock.close()
    return True


def status_of(reply):
    """The status in a packed Reply: field 2, a varint; absent is 0."""
    body = reply[4:]
    return body[3] if body[2:3] == b"\x10" else 0


def admin_method_is_absent(door):
    with greeted(door) as sock:
        reply = call(sock, bytes([0x08, 0x01, 0x10, 103]))
        return reply is None or status_of(reply) == 12


def bomb_is_refused(door):
    nested = b""
    for _ in range(1500):
        nested = b"\x0a" + (bytes([len(nested)]) if len(nested) < 128 else
                            bytes([len(nested) & 127 | 128, len(nested) >> 7])) + nested
    empties = b"\x1a\x00" * 3000
    for payload in (nested[:6000], empties):
        size = bytes([len(payload) & 127 | 128, len(payload) >> 7])
        with greeted(door) as sock:
            reply = call(sock, b"\x08\x01\x10\x01\x32" + size + payload)
            if reply is not None and status_of(reply) == 0:
                return False
    return True


def attacks(door):
    return [
        ("FIN, RST and garbage, 200 times", lambda: pokes(door)),
        ("40 silent peers", lambda: silent(door)),
        ("a dribbling peer", lambda: dribbling(door)),
        ("silent after the handshake", lambda: silent_after_handshake(door)),
        ("TLS 1.2", lambda: refused_tls(door, identity=door.certificate("device", ["ed25519"]),
                                        newest=ssl.TLSVersion.TLSv1_2)),
        ("no certificate", lambda: refused_tls(door)),
        ("a P-256 device key", lambda: refused_tls(door, identity=door.certificate(
            "p256", ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]))),
        ("an RSA device key", lambda: refused_tls(door, identity=door.certificate(
            "rsa", ["rsa:2048"]))),
        ("plain text", lambda: cut_off(door, b"GET / HTTP/1.1\r\n\r\n", tls=False)),
        ("an oversized length", lambda: cut_off(door, struct.pack(">Q", 1 << 40))),
        ("a length below the word's", lambda: cut_off(door, struct.pack(">QI", 1, WORD))),
        ("a second routing word", lambda: cut_off(door, frame(HEALTH, 0x00000001))),
        ("a second greeting", lambda: cut_off(door, GREETING + GREETING)),
        ("parser bombs", lambda: bomb_is_refused(door)),
        ("an admin method at the device door", lambda: admin_method_is_absent(door)),
        ("vanishing with calls in flight, 50 times", lambda: vanishing(door)),
    ]


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_kib(pid):
    for line in open(f"/proc/{pid}/status", encoding="ascii"):
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


def returns_to(read, limit):
    end = time.monotonic() + 20
    while read() > limit:
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def main(host, port, pid, work):
    door = Door(host, int(port), work)
    fds, rss = descriptors(pid), resident_kib(pid)
    canary = Canary(door)
    canary.start()
    failed = 0
    for name, attack in attacks(door):
        ok = attack()
        failed += 0 if ok else 1
        print(f"{'ok ' if ok else 'BAD'} {name}", flush=True)
    canary.ends.set()
    canary.join()
    checks = [
        (f"canary: {canary.missed} of {canary.asked} missed, worst {canary.worst:.2f} s",
         canary.asked > 0 and canary.missed == 0),
        (f"descriptors: {descriptors(pid)} after {fds}",
         returns_to(lambda: descriptors(pid), fds + 4)),
        (f"resident: {resident_kib(pid)} KiB after {rss}",
         resident_kib(pid) < rss + 64 * 1024),
    ]
    for name, ok in checks:
        failed += 0 if ok else 1
        print(f"{'ok ' if ok else 'BAD'} {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
