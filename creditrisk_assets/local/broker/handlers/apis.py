"""Which APIs the broker answers, in which versions, and by which function.

Versions end where something would be needed that a single node without transactions has not:
static members, topic ids in place of names, fetch sessions.
"""

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from kafka.protocol import admin, consumer, metadata, producer

from creditrisk_assets.local.broker.handlers import cluster, groups, records, topics
from creditrisk_assets.local.broker.node import Node


class Api(NamedTuple):
    """One API: its request, the versions answered, and who answers."""

    request: Any
    low: int
    high: int
    handler: Callable[[Node, Any], Awaitable[Any]]


async def api_versions(node: Node, request: Any) -> Any:
    """This table, as clients read it."""
    return metadata.ApiVersionsResponse(error_code=0, api_keys=offered())


_ALL = (
    Api(producer.ProduceRequest, 3, 8, records.produce),
    Api(consumer.FetchRequest, 4, 11, records.fetch),
    Api(consumer.ListOffsetsRequest, 1, 6, records.list_offsets),
    Api(metadata.MetadataRequest, 0, 12, cluster.metadata),
    Api(consumer.OffsetCommitRequest, 2, 6, groups.offset_commit),
    Api(consumer.OffsetFetchRequest, 1, 7, groups.offset_fetch),
    Api(metadata.FindCoordinatorRequest, 0, 4, cluster.find_coordinator),
    Api(consumer.JoinGroupRequest, 0, 4, groups.join_group),
    Api(consumer.HeartbeatRequest, 0, 2, groups.heartbeat),
    Api(consumer.LeaveGroupRequest, 0, 2, groups.leave_group),
    Api(consumer.SyncGroupRequest, 0, 2, groups.sync_group),
    Api(metadata.ApiVersionsRequest, 0, 4, api_versions),
    Api(admin.CreateTopicsRequest, 2, 7, topics.create_topics),
    Api(admin.DeleteTopicsRequest, 1, 5, topics.delete_topics),
    Api(admin.DeleteRecordsRequest, 0, 2, topics.delete_records),
    Api(producer.InitProducerIdRequest, 0, 4, cluster.init_producer_id),
    Api(admin.CreatePartitionsRequest, 0, 3, topics.create_partitions),
)
APIS = {api.request.API_KEY: api for api in _ALL}
PRODUCE, VERSIONS = producer.ProduceRequest.API_KEY, metadata.ApiVersionsRequest.API_KEY


def offered() -> list[Any]:
    """The table as ApiVersions tells it.

    Produce is offered from version 0, though only 3 and later are answered: librdkafka compresses
    nothing otherwise, and Apache Kafka 4 tells the same untruth for the same reason.
    """
    form = metadata.ApiVersionsResponse.ApiVersion
    return [
        form(api_key=key, min_version=0 if key == PRODUCE else api.low, max_version=api.high)
        for key, api in APIS.items()
    ]
