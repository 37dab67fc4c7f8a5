"""The API as a process of its own, and bytes sent to it as no well-behaved client would send them."""

import re
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from creditrisk_assets_tests.commands import BIN, environment
from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.streaming.brokers import eventually, free_ports

HOST = "127.0.0.1"


@dataclass
class Process:
    """`creditrisk api`, where it listens, and what it writes."""

    port: int
    log: Path
    process: "subprocess.Popen[bytes]"

    def connect(self, seconds: float = 30) -> socket.socket:
        return socket.create_connection((HOST, self.port), seconds)

    def send(self, *parts: bytes, seconds: float = 30) -> bytes:
        """Send the parts, then read until the other side has said all it will."""
        with self.connect(seconds) as connection:
            try:
                for part in parts:
                    connection.sendall(part)
            except (BrokenPipeError, ConnectionResetError):
                pass  # it has heard enough, and what it said is there to be read
            return read(connection)

    def status(self, *parts: bytes) -> int:
        """Status of the answer; 0 where the connection was just closed."""
        found = re.match(rb"HTTP/1\.1 (\d{3}) ", self.send(*parts))
        return int(found[1]) if found else 0

    def post(self, body: bytes, *headers: str, path: str = "/v1/score") -> int:
        return self.status(head(f"POST {path}", f"Content-Length: {len(body)}", *headers), body)

    def memory(self) -> int:
        """Bytes of memory it has used at most."""
        told = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", told)
        assert found is not None
        return int(found[1]) * 1024


def head(line: str, *headers: str) -> bytes:
    """A request up to its body; the connection ends with it."""
    return "\r\n".join([f"{line} HTTP/1.1", "Host: api", "Connection: close", *headers, "", ""]).encode("latin-1")


def read(connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    try:
        while part := connection.recv(65_536):
            parts.append(part)
    except (TimeoutError, ConnectionResetError):
        pass  # what was said before is all there is
    return b"".join(parts)


@contextmanager
def served(folder: Path, lake: str, **values: object) -> Iterator[Process]:
    """The API in a process; afterwards it must still have been up."""
    (port,) = free_ports(1)
    log = folder / "api.log"
    command = [str(BIN / "creditrisk"), "api", "--port", str(port)]
    with log.open("wb") as sink:
        process = subprocess.Popen(command, cwd=PROJECT, env=environment(folder, CREDITRISK_LAKE=lake, **values),
                                   stdin=subprocess.DEVNULL, stdout=sink, stderr=sink)  # fmt: skip
    found = Process(port, log, process)
    try:
        eventually(lambda: _ready(found), seconds=120)
        yield found
        assert process.poll() is None, log.read_text()
    finally:
        process.terminate()
        process.wait(60)


def _ready(found: Process) -> bool:
    assert found.process.poll() is None, found.log.read_text()
    try:
        return found.status(head("GET /readyz")) == 200
    except OSError:
        return False


def chunked(parts: Sequence[bytes]) -> list[bytes]:
    """A body in chunks, which tell its length piece by piece."""
    return [f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in parts] + [b"0\r\n\r\n"]
