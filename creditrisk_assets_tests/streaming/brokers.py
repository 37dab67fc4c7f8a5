"""Brokers as processes of the tests: started on free loopback ports, killed and started again."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from kafka import KafkaAdminClient
from kafka.errors import KafkaError

BIN = Path(sys.executable).parent
HOST = "127.0.0.1"
Found = TypeVar("Found")


def eventually(look: Callable[[], Found], seconds: float = 30, every: float = 0.02) -> Found:
    """What `look` finds as soon as it finds something; fails when that takes too long."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing within {seconds} s; the last answer was {found!r}"
        time.sleep(every)
    return found


def free_ports(number: int) -> list[int]:
    """Ports nobody listens on."""
    with contextlib.ExitStack() as open_ones:
        probes = [open_ones.enter_context(socket.socket()) for _ in range(number)]
        for probe in probes:
            probe.bind((HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


class BrokerProcess(ABC):
    """One broker with its data in a folder; the same port and data after every start."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "broker.log"
        self.port = free_ports(1)[0]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.port}"

    @abstractmethod
    def command(self) -> list[str]:
        """How it is started."""

    def start(self) -> None:
        """Start, and return when clients are answered."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(), cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        eventually(self._answers, seconds=90)

    def _answers(self) -> bool:
        assert self._process is not None
        code = self._process.poll()
        assert code is None, f"{self.name} ended with {code}:\n{self.log.read_text()[-3000:]}"
        with socket.socket() as probe:
            probe.settimeout(1)
            if probe.connect_ex((HOST, self.port)):
                return False
        try:
            KafkaAdminClient(bootstrap_servers=self.bootstrap, bootstrap_timeout_ms=2000).close()
        except KafkaError:
            return False
        return True

    def ensure(self) -> None:
        """Start it again when a test has left it dead."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    def kill(self) -> None:
        """Kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        """Ask it to end; its exit code."""
        return self._end(signal.SIGTERM)

    def end(self) -> None:
        """The quickest end; the folder is not used again."""
        self.kill()

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        os.kill(self._process.pid, number)
        code = self._process.wait(60)
        self._process = None
        return code


class DevelopmentBroker(BrokerProcess):
    """`creditrisk broker`, as people run it."""

    name = "development"

    def __init__(self, folder: Path, *options: str) -> None:
        super().__init__(folder)
        self.options = options

    def command(self) -> list[str]:
        data = str(self.folder / "data")
        return [str(BIN / "creditrisk"), "broker", "--port", str(self.port), "--data", data, *self.options]

    def end(self) -> None:
        assert self.stop() == 0
