"""Topics made, grown, cut and deleted."""

from collections.abc import Callable
from typing import Any

from kafka.protocol.admin import (
    CreatePartitionsResponse,
    CreateTopicsResponse,
    DeleteRecordsResponse,
    DeleteTopicsResponse,
)

from creditrisk_assets.local.broker.errors import BrokerError, Code
from creditrisk_assets.local.broker.node import NODE_ID, Node


def _told(action: Callable[[], object]) -> tuple[Code, str | None]:
    """What became of an action, as a response says it."""
    try:
        action()
    except BrokerError as error:
        return error.code, str(error)
    return Code.NONE, None


async def create_topics(node: Node, request: Any) -> Any:
    """Make topics of one replica."""
    form = CreateTopicsResponse.CreatableTopicResult
    results = []
    for one in request.topics:
        code, message = _told(lambda one=one: _create(node, one, request.validate_only))  # type: ignore[misc]
        made = node.topics.get(one.name) if code is Code.NONE else None
        result = form(name=one.name, error_code=code, error_message=message, configs=[])
        if made is not None:
            result.topic_id, result.num_partitions, result.replication_factor = made.id, len(made.logs), 1
        results.append(result)
    return CreateTopicsResponse(topics=results)


def _create(node: Node, one: Any, only_check: bool) -> None:
    if any(assigned.broker_ids != [NODE_ID] for assigned in one.assignments):
        raise BrokerError(Code.INVALID_REPLICA_ASSIGNMENT, f"there is one broker, {NODE_ID}")
    if one.replication_factor not in {-1, 1}:
        raise BrokerError(Code.INVALID_REPLICATION_FACTOR, "there is one broker: the replication factor is 1")
    partitions = len(one.assignments) or (1 if one.num_partitions == -1 else one.num_partitions)
    config = {config.name: config.value for config in one.configs}
    node.topics.create(one.name, partitions, config, only_check)


async def delete_topics(node: Node, request: Any) -> Any:
    """Forget topics and remove their records."""
    results = []
    for name in request.topic_names:
        code, message = _told(lambda name=name: node.topics.delete(name))  # type: ignore[misc]
        results.append(DeleteTopicsResponse.DeletableTopicResult(name=name, error_code=code, error_message=message))
    return DeleteTopicsResponse(responses=results)


async def create_partitions(node: Node, request: Any) -> Any:
    """Add partitions."""
    form = CreatePartitionsResponse.CreatePartitionsTopicResult
    results = []
    for one in request.topics:
        code, message = _told(lambda one=one: node.topics.grow(one.name, one.count, request.validate_only))  # type: ignore[misc]
        results.append(form(name=one.name, error_code=code, error_message=message))
    return CreatePartitionsResponse(results=results)


async def delete_records(node: Node, request: Any) -> Any:
    """Let partitions start later, as retention does."""
    form = DeleteRecordsResponse.DeleteRecordsTopicResult
    topics = [
        form(name=topic.name, partitions=[_deleted(node, topic.name, one) for one in topic.partitions])
        for topic in request.topics
    ]
    return DeleteRecordsResponse(topics=topics)


def _deleted(node: Node, topic: str, one: Any) -> Any:
    form = DeleteRecordsResponse.DeleteRecordsTopicResult.DeleteRecordsPartitionResult
    try:
        low = node.topics.delete_records(topic, one.partition_index, one.offset)
    except BrokerError as error:
        return form(partition_index=one.partition_index, low_watermark=-1, error_code=error.code)
    return form(partition_index=one.partition_index, low_watermark=low, error_code=Code.NONE)
