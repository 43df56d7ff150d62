"""A byte proxy that swallows an answer. For system tests.

    swallow.py LISTEN TARGET MODE CHECK...

LISTEN and TARGET are HOST:PORT or paths of Unix sockets. Bytes pass both ways, until CHECK (a
command) ends with 0 when bytes come back from the target: those are dropped, and
  once    the connection is closed; whatever comes later passes
  always  the connection is closed, and so is every one that comes later
  kill:N  process N is killed with SIGKILL, and the connection is closed; then as once
Prints "swallowed" when that happened, and "ready" when it listens (with the port, if it chose one).
"""
import os
import signal
import socket
import subprocess
import sys
import threading


def is_path(where):
    return "/" in where


def listen(where):
    if is_path(where):
        server = socket.socket(socket.AF_UNIX)
        server.bind(where)
        os.chmod(where, 0o600)
    else:
        host, port = where.rsplit(":", 1)
        server = socket.create_server((host, int(port)))
    server.listen(16)
    return server


def dial(where):
    if is_path(where):
        peer = socket.socket(socket.AF_UNIX)
        peer.connect(where)
        return peer
    host, port = where.rsplit(":", 1)
    return socket.create_connection((host, int(port)))


class Proxy:
    def __init__(self, target, mode, check):
        self.target, self.mode, self.check = target, mode, check
        self.lock = threading.Lock()
        self.is_spent = False

    def swallows(self):
        """Whether what came back is the answer that is not to arrive."""
        with self.lock:
            if self.is_spent:
                return self.mode == "always"
            if subprocess.run(self.check, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              stdin=subprocess.DEVNULL).returncode != 0:
                return False
            self.is_spent = True
            if self.mode.startswith("kill:"):
                os.kill(int(self.mode[5:]), signal.SIGKILL)
            print("swallowed", flush=True)
            return True

    def pass_on(self, source, sink, is_back):
        try:
            while data := source.recv(65536):
                if is_back and self.swallows():
                    break
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def serve(self, client):
        with self.lock:
            is_over = self.is_spent and self.mode == "always"
        try:
            if is_over:
                raise OSError
            target = dial(self.target)
        except OSError:
            client.close()
            return
        forth = threading.Thread(target=self.pass_on, args=(client, target, False), daemon=True)
        forth.start()
        self.pass_on(target, client, True)
        forth.join()
        client.close()
        target.close()


def main():
    server = listen(sys.argv[1])
    proxy = Proxy(sys.argv[2], sys.argv[3], sys.argv[4:])
    name = server.getsockname()
    print("ready", name[1] if isinstance(name, tuple) else "", flush=True)
    while True:
        client, _ = server.accept()
        threading.Thread(target=proxy.serve, args=(client,), daemon=True).start()


main()
