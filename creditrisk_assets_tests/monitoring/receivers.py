"""Receivers of alerts on loopback: a web server that takes JSON, and a mail server."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, TypeVar

Found = TypeVar("Found")


@dataclass
class Webhook:
    """What a web server was sent; while it is not `up` it refuses everything."""

    url: str = ""
    up: bool = True
    taken: list[dict[str, Any]] = field(default_factory=list)
    refused: int = 0

    @property
    def titles(self) -> list[str]:
        return [one["title"].removeprefix("Credit risk: ") for one in self.taken]

    @property
    def bodies(self) -> list[str]:
        return [one["message"] for one in self.taken]


@contextmanager
def webhook() -> Iterator[Webhook]:
    """A web server on a free port of loopback."""
    found = Webhook()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if found.up:
                found.taken.append(body | {"key": self.headers["Idempotency-Key"]})
            else:
                found.refused += 1
            self.send_response(200 if found.up else 503)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as its base names it
            """Keep quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        found.url = f"json://127.0.0.1:{server.server_address[1]}/alerts"
        yield from _serving(server, found)


@dataclass
class Mailbox:
    """What a mail server was sent."""

    url: str = ""
    taken: list[Message] = field(default_factory=list)


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    """A mail server (RFC 5321, what a client needs to deliver) on a free port of loopback."""
    found = Mailbox()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self._say("220 here")
            while line := self.rfile.readline():
                verb = line[:4].upper().strip()
                if verb == b"DATA":
                    self._say("354 go on")
                    found.taken.append(message_from_bytes(b"".join(iter(self.rfile.readline, b".\r\n"))))
                self._say("221 bye" if verb == b"QUIT" else "250 ok")
                if verb == b"QUIT":
                    return

        def _say(self, text: str) -> None:
            self.wfile.write(f"{text}\r\n".encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        port = server.server_address[1]
        found.url = f"mailto://127.0.0.1:{port}?from=risk@bank.example&to=officer@bank.example&mode=insecure"
        yield from _serving(server, found)


def _serving(server: socketserver.BaseServer, found: Found) -> Iterator[Found]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
