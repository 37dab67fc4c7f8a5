"""Stores of objects for the tests: an S3 server of their own, and a proxy before it that ignores conditions."""

import http.client
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pytest

from creditrisk_assets_tests.resources import s3_server

KEYS = {"AWS_ACCESS_KEY_ID": "tester", "AWS_SECRET_ACCESS_KEY": "told-to-nobody", "AWS_REGION": "us-east-1"}


@dataclass(frozen=True)
class S3Server:
    """An endpoint that speaks S3."""

    endpoint: str

    @property
    def environment(self) -> dict[str, str]:
        """Variables by which every client of the platform finds it."""
        return {**KEYS, "AWS_ENDPOINT_URL": self.endpoint, "AWS_ALLOW_HTTP": "true"}

    def bucket(self) -> str:
        """A new bucket: its address."""
        name = f"bank-{uuid.uuid4().hex[:12]}"
        where = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
        connection.request("PUT", f"/{name}")
        assert connection.getresponse().status == 200
        connection.close()
        return f"s3://{name}"


@pytest.fixture(scope="session")
def s3_server_process() -> Iterator[S3Server]:
    """The server, in a process of its own: gone with the tests, whatever happens to them."""
    child = subprocess.Popen(
        [sys.executable, "-W", "ignore", s3_server.__file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        yield S3Server(f"http://127.0.0.1:{int(child.stdout.readline())}")
    finally:
        child.kill()
        child.communicate()


@pytest.fixture
def s3(s3_server_process: S3Server, monkeypatch: pytest.MonkeyPatch) -> S3Server:
    """The server, which the environment of the test names."""
    for name, value in s3_server_process.environment.items():
        monkeypatch.setenv(name, value)
    return s3_server_process


@pytest.fixture
def bucket(s3: S3Server) -> str:
    """An empty bucket on it, as s3://name."""
    return s3.bucket()


@dataclass
class Proxy:
    """A proxy before a server; `ignores`: it drops the condition of a put; `conditional`: its answer to one.

    `seen` are method and path of requests.
    """

    server: S3Server
    ignores: bool
    conditional: int | None = None
    endpoint: str = ""
    seen: list[tuple[str, str]] = field(default_factory=list)

    @property
    def environment(self) -> dict[str, str]:
        return S3Server(self.endpoint).environment

    def puts(self) -> list[str]:
        """Paths that were put, in order."""
        return [path for method, path in self.seen if method == "PUT"]


def _handler(proxy: Proxy) -> type[BaseHTTPRequestHandler]:
    where = urlsplit(proxy.server.endpoint)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def passed_on(self) -> None:
            proxy.seen.append((self.command, urlsplit(self.path).path))
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if proxy.conditional is not None and self.headers.get("If-None-Match"):
                self.send_response(proxy.conditional)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            dropped = {"if-none-match", "if-match"} if proxy.ignores and self.command == "PUT" else set()
            headers = {name: value for name, value in self.headers.items() if name.lower() not in dropped}
            connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=60)
            connection.request(self.command, self.path, body, headers)
            answer = connection.getresponse()
            data = answer.read()
            connection.close()
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length", "date", "server"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
            self.send_header("Content-Length", length or "0")
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = passed_on  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    return Handler


@contextmanager
def proxy_before(server: S3Server, *, ignores: bool, conditional: int | None = None) -> Iterator[Proxy]:
    """A proxy on loopback, closed at the end."""
    proxy = Proxy(server, ignores, conditional)
    listening = ThreadingHTTPServer(("127.0.0.1", 0), _handler(proxy))
    proxy.endpoint = f"http://127.0.0.1:{listening.server_address[1]}"
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield proxy
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()


@pytest.fixture
def forgetful(s3_server_process: S3Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Proxy]:
    """A store that knows no conditional put, which the environment of the test names."""
    with proxy_before(s3_server_process, ignores=True) as proxy:
        for name, value in proxy.environment.items():
            monkeypatch.setenv(name, value)
        yield proxy
