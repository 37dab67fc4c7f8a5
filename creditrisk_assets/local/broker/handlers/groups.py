"""Consumer groups: membership, and how far they have come."""

from typing import Any

from kafka.protocol.consumer import (
    HeartbeatResponse,
    JoinGroupResponse,
    LeaveGroupResponse,
    OffsetCommitResponse,
    OffsetFetchResponse,
    SyncGroupResponse,
)

from creditrisk_assets.local.broker.errors import BrokerError, Code
from creditrisk_assets.local.broker.groups import Join
from creditrisk_assets.local.broker.node import Node
from creditrisk_assets.local.broker.store import Committed


async def join_group(node: Node, request: Any) -> Any:
    """Take part in the next generation of a group; answered when everyone has joined."""
    join = Join(
        member_id=request.member_id,
        client_id=request.header.client_id or "",
        session_seconds=request.session_timeout_ms / 1000,
        rebalance_seconds=max(request.rebalance_timeout_ms, request.session_timeout_ms) / 1000,
        protocol_type=request.protocol_type,
        protocols={one.name: bytes(one.metadata) for one in request.protocols},
        id_required=request.API_VERSION >= 4,
    )
    try:
        if not request.group_id:
            raise BrokerError(Code.INVALID_GROUP_ID, "a group needs a name")
        joined = await node.groups.get(request.group_id).join(join)
    except BrokerError as error:
        refused = str(error) if error.code is Code.MEMBER_ID_REQUIRED else request.member_id
        return JoinGroupResponse(error_code=error.code, protocol_name="", leader="", member_id=refused, members=[])
    members = [
        JoinGroupResponse.JoinGroupResponseMember(member_id=name, metadata=metadata)
        for name, metadata in joined.members.items()
    ]
    return JoinGroupResponse(
        error_code=Code.NONE,
        generation_id=joined.generation,
        protocol_name=joined.protocol,
        leader=joined.leader,
        member_id=joined.member_id,
        members=members,
    )


async def sync_group(node: Node, request: Any) -> Any:
    """Hand in the leader's assignment, or wait for one's own share of it."""
    shares = {one.member_id: bytes(one.assignment) for one in request.assignments}
    group = node.groups.get(request.group_id)
    try:
        share = await group.sync(request.member_id, request.generation_id, shares)
    except BrokerError as error:
        return SyncGroupResponse(error_code=error.code, assignment=b"")
    return SyncGroupResponse(error_code=Code.NONE, assignment=share)


async def heartbeat(node: Node, request: Any) -> Any:
    """Stay a member."""
    code = node.groups.get(request.group_id).heartbeat(request.member_id, request.generation_id)
    return HeartbeatResponse(error_code=code)


async def leave_group(node: Node, request: Any) -> Any:
    """Stop being a member."""
    return LeaveGroupResponse(error_code=node.groups.get(request.group_id).leave(request.member_id))


async def offset_commit(node: Node, request: Any) -> Any:
    """Keep how far a group has come."""
    group = node.groups.get(request.group_id)
    refused = group.may_commit(request.member_id, request.generation_id_or_member_epoch)
    kept, topics = [], []
    for topic in request.topics:
        partitions = []
        for one in topic.partitions:
            code = refused or _known(node, topic.name, one.partition_index)
            form = OffsetCommitResponse.OffsetCommitResponseTopic.OffsetCommitResponsePartition
            partitions.append(form(partition_index=one.partition_index, error_code=code))
            if code is Code.NONE:
                where = (topic.name, one.partition_index, one.committed_offset)
                kept.append(Committed(*where, one.committed_leader_epoch, one.committed_metadata or ""))
        topics.append(OffsetCommitResponse.OffsetCommitResponseTopic(name=topic.name, partitions=partitions))
    node.store.commit(request.group_id, kept)
    return OffsetCommitResponse(topics=topics)


def _known(node: Node, topic: str, partition: int) -> Code:
    try:
        node.topics.log(topic, partition)
    except BrokerError as error:
        return error.code
    return Code.NONE


async def offset_fetch(node: Node, request: Any) -> Any:
    """How far a group has come: in the partitions named, or in all."""
    committed = node.store.committed(request.group_id)
    if request.topics is None:
        names = sorted({topic for topic, _ in committed})
        wanted = [(name, [part for topic, part in committed if topic == name]) for name in names]
    else:
        wanted = [(topic.name, topic.partition_indexes) for topic in request.topics]
    form = OffsetFetchResponse.OffsetFetchResponseTopic
    topics = [
        form(name=name, partitions=[_position(committed.get((name, number)), number) for number in numbers])
        for name, numbers in wanted
    ]
    return OffsetFetchResponse(topics=topics)


def _position(found: Committed | None, partition: int) -> Any:
    form = OffsetFetchResponse.OffsetFetchResponseTopic.OffsetFetchResponsePartition
    if found is None:
        return form(partition_index=partition, committed_offset=-1, metadata="", error_code=Code.NONE)
    return form(
        partition_index=partition,
        committed_offset=found.offset,
        committed_leader_epoch=found.leader_epoch,
        metadata=found.metadata,
        error_code=Code.NONE,
    )
