"""Records in and out: Produce, Fetch, ListOffsets."""

import asyncio
import logging
from typing import Any

from kafka.protocol.consumer import FetchResponse, ListOffsetsResponse
from kafka.protocol.producer import ProduceResponse

from creditrisk_assets.local.broker.errors import BrokerError, Code
from creditrisk_assets.local.broker.log import PartitionLog
from creditrisk_assets.local.broker.node import LEADER_EPOCH, Node

LATEST, EARLIEST = -1, -2
logger = logging.getLogger(__name__)


async def produce(node: Node, request: Any) -> Any:
    """Append a batch to every partition named; nothing is answered to acks=0."""
    responses = [
        ProduceResponse.TopicProduceResponse(
            name=topic.name,
            partition_responses=[_produced(node, request, topic.name, one) for one in topic.partition_data],
        )
        for topic in request.topic_data
    ]
    return ProduceResponse(responses=responses) if request.acks != 0 else None


def _produced(node: Node, request: Any, topic: str, one: Any) -> Any:
    form = ProduceResponse.TopicProduceResponse.PartitionProduceResponse
    try:
        if request.acks not in {-1, 0, 1}:
            raise BrokerError(Code.INVALID_REQUIRED_ACKS, "acks is 0, 1 or all")
        log = node.topics.log(topic, one.index)
        offset = log.append(one.records or b"")
        return form(index=one.index, error_code=Code.NONE, base_offset=offset, log_start_offset=log.start)
    except BrokerError as error:
        logger.info("produce to %s-%d refused: %s", topic, one.index, error)
        return form(index=one.index, error_code=error.code, base_offset=-1, record_errors=[], error_message=str(error))
    except OSError as error:
        logger.error("produce to %s-%d failed: %s", topic, one.index, error)
        return form(index=one.index, error_code=Code.KAFKA_STORAGE_ERROR, base_offset=-1, error_message=str(error))


async def fetch(node: Node, request: Any) -> Any:
    """Batches from the offsets named: at once when there are enough bytes or an error, else when time is up."""
    if request.session_id:
        return FetchResponse(error_code=Code.FETCH_SESSION_ID_NOT_FOUND, responses=[])
    loop = asyncio.get_running_loop()
    deadline = loop.time() + request.max_wait_ms / 1000
    while True:
        found = _Fetched(node, request)
        left = deadline - loop.time()
        if found.failed or found.size >= request.min_bytes or left <= 0:
            return FetchResponse(responses=found.responses)
        await _news(found.logs, left)


async def _news(logs: list[PartitionLog], seconds: float) -> None:
    """Wait until one of the logs changes, or the time is up."""
    waiter = asyncio.get_running_loop().create_future()
    for log in logs:
        log.waiters.add(waiter)
    try:
        await asyncio.wait([waiter], timeout=seconds)
    finally:
        waiter.cancel()
        for log in logs:
            log.waiters.discard(waiter)


class _Fetched:
    """One look at every partition of a fetch request."""

    def __init__(self, node: Node, request: Any) -> None:
        self.size = 0
        self.failed = False
        self.logs: list[PartitionLog] = []
        self._node = node
        self._left = request.max_bytes
        form = FetchResponse.FetchableTopicResponse
        self.responses = [
            form(
                topic=topic.topic,
                partitions=[self._partition(form.PartitionData, topic.topic, one) for one in topic.partitions],
            )
            for topic in request.topics
        ]

    def _partition(self, form: Any, topic: str, one: Any) -> Any:
        try:
            if one.current_leader_epoch > LEADER_EPOCH:
                raise BrokerError(Code.UNKNOWN_LEADER_EPOCH, "there was never such a leader")
            log = self._node.topics.log(topic, one.partition)
            wanted = max(0, min(one.partition_max_bytes, self._left))
            records = log.read(one.fetch_offset, wanted, at_least_one=self.size == 0)
        except BrokerError as error:
            self.failed = True
            return form(partition_index=one.partition, error_code=error.code, high_watermark=-1, records=b"")
        self.logs.append(log)
        self.size += len(records)
        self._left -= len(records)
        return form(
            partition_index=one.partition,
            error_code=Code.NONE,
            high_watermark=log.end,
            last_stable_offset=log.end,
            log_start_offset=log.start,
            aborted_transactions=None,
            records=records,
        )


async def list_offsets(node: Node, request: Any) -> Any:
    """First and next offset, or the first record that is not older than a time."""
    form = ListOffsetsResponse.ListOffsetsTopicResponse
    topics = [
        form(name=topic.name, partitions=[_offset(node, topic.name, one) for one in topic.partitions])
        for topic in request.topics
    ]
    return ListOffsetsResponse(topics=topics)


def _offset(node: Node, topic: str, one: Any) -> Any:
    form = ListOffsetsResponse.ListOffsetsTopicResponse.ListOffsetsPartitionResponse
    try:
        log = node.topics.log(topic, one.partition_index)
    except BrokerError as error:
        return form(partition_index=one.partition_index, error_code=error.code)
    if one.timestamp == LATEST:
        offset, timestamp = log.end, -1
    elif one.timestamp == EARLIEST:
        offset, timestamp = log.start, -1
    else:
        offset, timestamp = log.offset_at(one.timestamp) or (-1, -1)
    epoch = LEADER_EPOCH if offset >= 0 else -1
    return form(
        partition_index=one.partition_index,
        error_code=Code.NONE,
        timestamp=timestamp,
        offset=offset,
        leader_epoch=epoch,
    )
