"""The gateway for the tests: Debian's httpd with deploy/gateway/httpd.conf, and people who come to it."""

import contextlib
import http.cookiejar
import json
import os
import re
import shutil
import subprocess
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from creditrisk_assets_tests.conftest import PROJECT
from creditrisk_assets_tests.dashboard.identity_provider import CLIENT, SECRET, Provider
from creditrisk_assets_tests.needed import lacking
from creditrisk_assets_tests.streaming.brokers import eventually, free_ports

CONFIGURATION = PROJECT / "deploy" / "gateway" / "httpd.conf"
PASSPHRASE = "signs the cookies of the tests"
HOST = "127.0.0.1"


def httpd() -> str:
    """Where it is, with its module; skips, or fails where it is required, when the machine has none."""
    found = shutil.which("apache2", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None or not Path("/usr/lib/apache2/modules/mod_auth_openidc.so").exists():
        lacking("GATEWAY", "needs apache2-bin and libapache2-mod-auth-openidc (make gateway, as root on Debian)")
    return found


@dataclass(frozen=True)
class Answer:
    """What came back at last: after redirects, where they were followed."""

    status: int
    url: str
    text: str
    headers: dict[str, str]


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are looked at, not followed."""

    def redirect_request(self, *_: Any) -> None:
        return None


@dataclass
class Person:
    """Somebody with a browser's cookies."""

    root: str
    jar: http.cookiejar.CookieJar = field(default_factory=http.cookiejar.CookieJar)

    def open(
        self, path: str, body: Any = None, *, follow: bool = True, headers: dict[str, str] | None = None
    ) -> Answer:
        """GET, or POST of JSON where there is a body; `path` may be an address elsewhere."""
        url = path if path.startswith("http") else self.root + path
        given = {"Accept": "text/html", **({"Content-Type": "application/json"} if body is not None else {})}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {**given, **(headers or {})})
        handlers = [urllib.request.HTTPCookieProcessor(self.jar), *([] if follow else [_Stay()])]
        try:
            with urllib.request.build_opener(*handlers).open(request, timeout=60) as answer:
                return Answer(answer.status, answer.url, answer.read().decode(), dict(answer.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.url or url, error.read().decode(), dict(error.headers))

    def log_in(self, name: str, path: str) -> Answer:
        """Through the page of the provider, and back to the page that was asked for."""
        page = self.open(path)
        (link,) = re.findall(rf'<a href="([^"]*person={name})">', page.text)
        return self.open(urllib.parse.urljoin(page.url, link.replace("&amp;", "&")))


@dataclass(frozen=True)
class Gateway:
    """A running gateway, and what it wrote."""

    root: str
    log: Path

    def person(self) -> Person:
        return Person(self.root)


@contextlib.contextmanager
def gateway(folder: Path, provider: Provider, **upstreams: str) -> Iterator[Gateway]:
    """httpd with our configuration before these upstreams (operate, view, dashboard, api)."""
    (port,) = free_ports(1)
    root = f"http://{HOST}:{port}"
    given = {
        "GATEWAY_URL": root,
        "GATEWAY_LISTEN": f"{HOST}:{port}",
        "GATEWAY_RUN": str(folder),
        "GATEWAY_OPERATOR_GROUP": "credit-officers",
        "GATEWAY_VIEWER_GROUP": "credit-viewers",
        "OIDC_METADATA_URL": f"{provider.issuer}/.well-known/openid-configuration",
        "OIDC_CLIENT_ID": CLIENT,
        "OIDC_CLIENT_SECRET": SECRET,
        "OIDC_COOKIE_PASSPHRASE": PASSPHRASE,
        "OIDC_SCOPE": "openid email profile",
        **{f"GATEWAY_{name.upper()}": url for name, url in upstreams.items()},
    }
    # Only where the tests run as root: in its container it starts as the user it stays.
    user = ["-c", "User nobody", "-c", "Group nogroup"] if os.geteuid() == 0 else []
    log = folder / "gateway.log"
    with log.open("wb") as sink:
        command = [httpd(), "-D", "FOREGROUND", "-f", str(CONFIGURATION), *user]
        process = subprocess.Popen(command, env=os.environ | given, stdout=sink, stderr=sink)
    try:
        eventually(lambda: process.poll() is not None or _listens(root), seconds=30)
        assert process.poll() is None, log.read_text()
        yield Gateway(root, log)
    finally:
        process.terminate()
        process.wait(30)


def _listens(root: str) -> bool:
    try:
        urllib.request.urlopen(root, timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


class _Echo(BaseHTTPRequestHandler):
    """Says who it is, what was asked, and with which headers."""

    def do_GET(self) -> None:
        told = {"upstream": self.server.name, "path": self.path, "headers": dict(self.headers)}  # type: ignore[attr-defined]
        body = json.dumps(told).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self) -> None:
        self.do_GET()

    def log_message(self, *_: Any) -> None:
        pass


@contextlib.contextmanager
def echo(name: str) -> Iterator[str]:
    """An upstream that tells what reaches it."""
    with ThreadingHTTPServer((HOST, 0), _Echo) as server:
        server.name = name  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://{HOST}:{server.server_port}"
        server.shutdown()
        thread.join()
