"""Child processes kept up together: logs to files, ready when they answer, none left behind."""

import contextlib
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType

from creditrisk_assets.local.loopback import LOOPBACK

GRACE_SECONDS = 10.0


class ChildError(RuntimeError):
    """A child process ended, or never answered; the message names its log."""


@dataclass
class Child:
    """One running process, its log, and where it answers when it is ready: a URL, tcp://host:port, or nowhere."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path
    url: str | None


class Supervisor:
    """Starts processes in sessions of their own and ends whole process groups on the way out."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._children: list[Child] = []
        self._stop = False

    def __enter__(self) -> "Supervisor":
        self._logs.mkdir(parents=True, exist_ok=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)  # a second Ctrl-C must not leave children behind
        self.stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stop = True

    def start(
        self,
        name: str,
        command: Sequence[str],
        url: str | None = None,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Child:
        """Start `command`, in this environment and folder unless others are given; its output goes to NAME.log."""
        log = self._logs / f"{name}.log"
        with log.open("wb") as sink:
            process = subprocess.Popen(
                list(command), stdout=sink, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True, env=environment, cwd=folder,
            )  # fmt: skip
        child = Child(name, process, log, url)
        self._children.append(child)
        return child

    def wait_until_ready(self, child: Child, seconds: float) -> bool:
        """Poll the child's URL until it answers; False when asked to stop meanwhile.

        Raises ChildError when the child ends or does not answer in time.
        """
        deadline = time.monotonic() + seconds
        while not self._stop:
            self._check(child)
            if child.url is None or _answers(child.url):
                return True
            if time.monotonic() > deadline:
                raise ChildError(f"{child.name} did not answer at {child.url} within {seconds:.0f} s; see {child.log}")
            time.sleep(0.2)
        return False

    def watch(self, look: Callable[[], None] = lambda: None) -> None:
        """Return when asked to stop, `look` meanwhile; raises ChildError when a child ends by itself."""
        while not self._stop:
            for child in self._children:
                self._check(child)
            look()
            time.sleep(0.5)

    def end(self, child: Child) -> None:
        """End one child, as `stop` ends all."""
        self._children.remove(child)
        _end([child])

    def stop(self) -> None:
        """End every process group: politely, then by force."""
        _end(self._children)

    def _check(self, child: Child) -> None:
        code = child.process.poll()
        if code is not None and not self._stop:
            raise ChildError(f"{child.name} ended with code {code}; see {child.log}")


def _end(children: Sequence[Child]) -> None:
    for child in children:
        _signal_group(child, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    for child in children:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.process.wait(max(0.1, deadline - time.monotonic()))
    for child in children:
        _signal_group(child, signal.SIGKILL)  # grandchildren that outlived their parent
        child.process.wait()


def _signal_group(child: Child, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.process.pid, number)


def _answers(url: str) -> bool:
    if url.startswith("tcp://"):
        host, _, port = url.removeprefix("tcp://").rpartition(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=2):
            return True
        return False
    try:
        with urllib.request.urlopen(url, timeout=2) as response:  # noqa: S310 - our own loopback URL
            return bool(response.status < 500)
    except (urllib.error.URLError, OSError):
        return False


def free_port(wanted: int) -> int:
    """`wanted` when nothing listens there on loopback, else the next free port above it."""
    for port in range(wanted, wanted + 50):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind((LOOPBACK, port))
                return port
    raise ChildError(f"no free port between {wanted} and {wanted + 49}; name another with PORT=")
