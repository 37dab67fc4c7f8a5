"""Who is there: brokers, topics, coordinators, producer ids."""

from typing import Any

from kafka.protocol.metadata import FindCoordinatorResponse, MetadataResponse
from kafka.protocol.producer import InitProducerIdResponse

from creditrisk_assets.local.broker.errors import Code
from creditrisk_assets.local.broker.node import LEADER_EPOCH, NODE_ID, Node
from creditrisk_assets.local.broker.topics import Topic

TRANSACTION = 1
NO_TRANSACTIONS = "the development broker has no transactions: use Apache Kafka"


async def metadata(node: Node, request: Any) -> Any:
    """The one broker, and the topics asked for (all when none are named)."""
    answer = MetadataResponse
    wanted = request.topics
    if wanted is None or (wanted == [] and request.API_VERSION == 0):
        topics = [_topic(topic) for topic in node.topics]
    else:
        topics = [_asked(node, one) for one in wanted]
    brokers = [answer.MetadataResponseBroker(node_id=NODE_ID, host=node.settings.host, port=node.port)]
    return answer(brokers=brokers, cluster_id=node.cluster_id, controller_id=NODE_ID, topics=topics)


def _asked(node: Node, one: Any) -> Any:
    topic = node.topics.get(one.name) if one.name is not None else node.topics.by_id(one.topic_id)
    if topic is not None:
        return _topic(topic)
    code = Code.UNKNOWN_TOPIC_OR_PARTITION if one.name is not None else Code.UNKNOWN_TOPIC_ID
    return MetadataResponse.MetadataResponseTopic(error_code=code, name=one.name, topic_id=one.topic_id, partitions=[])


def _topic(topic: Topic) -> Any:
    form = MetadataResponse.MetadataResponseTopic
    partitions = [
        form.MetadataResponsePartition(
            partition_index=number,
            leader_id=NODE_ID,
            leader_epoch=LEADER_EPOCH,
            replica_nodes=[NODE_ID],
            isr_nodes=[NODE_ID],
            offline_replicas=[],
        )
        for number in range(len(topic.logs))
    ]
    return form(error_code=Code.NONE, name=topic.name, topic_id=topic.id, partitions=partitions)


async def find_coordinator(node: Node, request: Any) -> Any:
    """This broker, for groups; an error for transactions, so that nobody waits for them."""
    refused = request.key_type == TRANSACTION
    told = {
        "error_code": Code.INVALID_REQUEST if refused else Code.NONE,
        "error_message": NO_TRANSACTIONS if refused else None,
        "node_id": -1 if refused else NODE_ID,
        "host": "" if refused else node.settings.host,
        "port": -1 if refused else node.port,
    }
    if request.API_VERSION < 4:
        return FindCoordinatorResponse(**told)
    each = [FindCoordinatorResponse.Coordinator(key=key, **told) for key in request.coordinator_keys]
    return FindCoordinatorResponse(coordinators=each)


async def init_producer_id(node: Node, request: Any) -> Any:
    """An id for an idempotent producer."""
    if request.transactional_id is not None:
        return InitProducerIdResponse(error_code=Code.INVALID_REQUEST, producer_id=-1, producer_epoch=-1)
    return InitProducerIdResponse(error_code=Code.NONE, producer_id=node.store.next_producer_id(), producer_epoch=0)
