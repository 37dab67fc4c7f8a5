"""Visitors of a streamlit server without a browser: sessions over its own protocol, and what their reruns cost."""

import asyncio
import os
import random
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from creditrisk_assets.local.loopback import LOOPBACK
from creditrisk_assets.local.supervisor import Child, Supervisor, free_port


@dataclass
class Run:
    """One run of a page: milliseconds until it was drawn whole and until its first key figure came, bytes sent."""

    milliseconds: float
    figure: float | None
    bytes: int
    deltas: int


@dataclass
class Session:
    """One open tab."""

    socket: websockets.ClientConnection
    runs: list[Run] = field(default_factory=list)

    async def ask(self, page: str, query: str) -> Run:
        """Show a page with a query of its URL, as after a step back or forth in the browser."""
        message = BackMsg()
        state = message.rerun_script
        state.page_name, state.query_string, state.is_history_navigation = page, query, True
        begin, size, deltas, figure = time.perf_counter(), 0, 0, None
        await self.socket.send(message.SerializeToString())
        while True:
            data = await self.socket.recv()
            assert isinstance(data, bytes)
            size += len(data)
            told = ForwardMsg.FromString(data)
            deltas += told.HasField("delta")
            if figure is None and told.delta.new_element.HasField("metric"):
                figure = (time.perf_counter() - begin) * 1e3
            if told.HasField("script_finished"):
                if told.script_finished != ForwardMsg.ScriptFinishedStatus.FINISHED_SUCCESSFULLY:
                    continue  # a run that was overtaken by another
                run = Run((time.perf_counter() - begin) * 1e3, figure, size, deltas)
                self.runs.append(run)
                return run


async def _visitor(url: str, page: str, queries: Sequence[str], runs: int, think: float, seed: int) -> list[Run]:
    chance = random.Random(seed)
    async with websockets.connect(url, subprotocols=[websockets.Subprotocol("streamlit")], max_size=None) as opened:
        session = Session(opened)
        await session.ask(page, queries[seed % len(queries)])
        for number in range(runs):
            if think:
                await asyncio.sleep(chance.expovariate(1 / think))
            await session.ask(page, queries[(seed + number + 1) % len(queries)])
    return session.runs[1:]


async def _first(url: str) -> tuple[Run, float]:
    """What a visitor meets, and when the socket was open to ask."""
    async with websockets.connect(url, subprotocols=[websockets.Subprotocol("streamlit")], max_size=None) as opened:
        asked = time.perf_counter()
        return await Session(opened).ask("", ""), asked


async def _crowd(url: str, page: str, queries: Sequence[str], visitors: int, runs: int, think: float) -> list[Run]:
    alone = [_visitor(url, page, queries, runs, think, seed) for seed in range(visitors)]
    return [run for runs in await asyncio.gather(*alone) for run in runs]


@dataclass(frozen=True)
class Server:
    """A streamlit server at work."""

    child: Child
    port: int

    def visit(self, page: str, queries: Sequence[str], visitors: int, runs: int, think: float = 0.0) -> list[Run]:
        """What `visitors` met who each ask `runs` times, thinking that many seconds in the mean."""
        return asyncio.run(_crowd(self._url, page, queries, visitors, runs, think))

    @property
    def _url(self) -> str:
        return f"ws://{LOOPBACK}:{self.port}/_stcore/stream"

    @property
    def processor(self) -> float:
        """CPU seconds used so far."""
        told = Path(f"/proc/{self.child.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(told[11]) + int(told[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def megabytes(self) -> float:
        """Resident memory."""
        pages = int(Path(f"/proc/{self.child.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def arriving(
    supervisor: Supervisor, name: str, command: Sequence[str], environment: dict[str, str]
) -> tuple[float, float]:
    """Seconds from the start of the process to the first key figure, and to the whole page, of whoever comes first."""
    port, begin = free_port(8_900), time.perf_counter()
    asked = [part.replace("PORT", str(port)) for part in command]
    child = supervisor.start(name, asked, None, os.environ | environment)
    while True:
        try:
            socket.create_connection((LOOPBACK, port), 0.1).close()
            break
        except OSError:
            assert child.process.poll() is None, child.log
            time.sleep(0.02)
    try:
        run, opened = asyncio.run(_first(f"ws://{LOOPBACK}:{port}/_stcore/stream"))
    finally:
        supervisor.end(child)
    assert run.figure is not None
    return opened - begin + run.figure / 1e3, opened - begin + run.milliseconds / 1e3


@contextmanager
def serving(supervisor: Supervisor, name: str, command: Sequence[str], environment: dict[str, str]) -> Iterator[Server]:
    """A server for a while; it has answered before this goes on."""
    port = free_port(8_900)
    asked = [part.replace("PORT", str(port)) for part in command]
    child = supervisor.start(name, asked, f"http://{LOOPBACK}:{port}/_stcore/health", os.environ | environment)
    assert supervisor.wait_until_ready(child, 120)
    try:
        yield Server(child, port)
    finally:
        supervisor.end(child)
