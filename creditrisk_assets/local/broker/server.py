"""Connections on loopback: requests of one connection are answered one after another, in their order."""

import asyncio
import contextlib
import logging

from creditrisk_assets.local.broker import wire
from creditrisk_assets.local.broker.handlers.apis import APIS, VERSIONS, offered
from creditrisk_assets.local.broker.node import BrokerSettings, Node
from creditrisk_assets.local.loopback import on_this_machine

MAX_REQUEST_BYTES = 100 * 1024 * 1024
EXPIRE_SECONDS = 5.0
logger = logging.getLogger(__name__)


class NotLoopbackError(ValueError):
    """An address that other machines could reach."""


def loopback(host: str) -> str:
    """The address to listen on; NotLoopbackError for anything but this machine's own."""
    address = on_this_machine(host)
    if address is None:
        raise NotLoopbackError(
            f"the development broker has no passwords and no encryption, so it listens on loopback only, "
            f"not on {host}. For other machines run Apache Kafka and set CREDITRISK_KAFKA_BOOTSTRAP"
        )
    return address


class Server:
    """Listens, answers, and looks after retention."""

    def __init__(self, settings: BrokerSettings) -> None:
        self._host = loopback(settings.host)
        self.node = Node(settings)
        self._connections: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None
        self._housekeeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen."""
        self._server = await asyncio.start_server(self._connected, self._host, self.node.settings.port)
        self.node.port = self._server.sockets[0].getsockname()[1]
        self._housekeeping = asyncio.create_task(self._keep_house())
        self._housekeeping.add_done_callback(_tell_of_its_end)

    @property
    def bootstrap(self) -> str:
        """Where clients find the broker."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{host}:{self.node.port}"

    async def stop(self) -> None:
        """Hang up, bring everything to disk and give the folder back."""
        running = [*self._connections, *([self._housekeeping] if self._housekeeping else [])]
        if self._server is not None:
            self._server.close()
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self.node.close()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(EXPIRE_SECONDS)
            try:
                self.node.expire()
            except OSError as error:
                logger.warning("retention will be tried again: %s", error)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._answer_all(reader, writer)
        except wire.WireError as error:
            logger.warning("hung up on %s: %s", writer.get_extra_info("peername"), error)
        except (asyncio.IncompleteReadError, ConnectionError):
            logger.debug("%s hung up", writer.get_extra_info("peername"))
        except asyncio.CancelledError:
            logger.debug("hung up on %s: the broker stops", writer.get_extra_info("peername"))
        finally:
            self._connections.discard(task)
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer_all(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            size = int.from_bytes(await reader.readexactly(4), "big", signed=True)
            if not 0 <= size <= MAX_REQUEST_BYTES:
                raise wire.WireError(f"a request of {size} bytes")
            response = await self._answer(await reader.readexactly(size))
            if response is not None:
                writer.write(response)
                await writer.drain()

    async def _answer(self, frame: bytes) -> bytearray | None:
        head = wire.incoming(frame)
        api = APIS.get(head.api)
        if head.api == VERSIONS and api is not None and not api.low <= head.version <= api.high:
            return wire.version_refused(head, offered())
        if api is None or not api.low <= head.version <= api.high:
            raise wire.WireError(f"api {head.api} version {head.version} is not offered")
        response = await api.handler(self.node, wire.decoded(frame, api.request, head.version))
        return None if response is None else wire.encoded(response, head)


def _tell_of_its_end(task: "asyncio.Task[None]") -> None:
    """Without this a retention that failed for good would be missed only when the disk is full."""
    if not task.cancelled() and task.exception() is not None:
        logger.error("retention has ended; start the broker again", exc_info=task.exception())
