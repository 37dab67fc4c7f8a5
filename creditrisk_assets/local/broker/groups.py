"""Consumer groups of the classic protocol: who is a member, of which generation, with which share.

Members live in memory only. After a restart nobody is known, and members join again by themselves.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, NamedTuple

from creditrisk_assets.local.broker.errors import BrokerError, Code


class Join(NamedTuple):
    """What a consumer says when it joins."""

    member_id: str
    client_id: str
    session_seconds: float
    rebalance_seconds: float
    protocol_type: str
    protocols: dict[str, bytes]
    id_required: bool


class Joined(NamedTuple):
    """What it is told; members are told to the leader only."""

    member_id: str
    generation: int
    protocol: str
    leader: str
    members: dict[str, bytes]


@dataclass
class Member:
    """A consumer in a group, and what it waits for."""

    id: str
    join: Join
    share: bytes = b""
    joining: "asyncio.Future[Joined] | None" = None
    syncing: "asyncio.Future[bytes] | None" = None
    expiry: "asyncio.TimerHandle | None" = None


class State(Enum):
    """Where a group is between two generations."""

    EMPTY = auto()
    JOINING = auto()
    SYNCING = auto()
    STABLE = auto()


@dataclass
class Group:
    """One group."""

    state: State = State.EMPTY
    generation: int = 0
    leader: str = ""
    protocol: str = ""
    protocol_type: str = ""
    members: dict[str, Member] = field(default_factory=dict)
    _announced: set[str] = field(default_factory=set)
    _deadline: "asyncio.TimerHandle | None" = None

    async def join(self, join: Join) -> Joined:
        """Wait for the next generation; BrokerError when the consumer cannot be part of it."""
        before = self.members.get(join.member_id)
        member = self._member(join)
        same = member is before and member.join.protocols == join.protocols
        if same and (self.state is State.SYNCING or (self.state is State.STABLE and member.id != self.leader)):
            return self._told(member)  # the answer to an earlier request was lost on the way
        member.join = join
        _refuse(member.joining, Code.REBALANCE_IN_PROGRESS, "the member has joined again")
        waiting: asyncio.Future[Joined] = asyncio.get_running_loop().create_future()
        member.joining = waiting
        self._stop_clock(member)
        self._rebalance()
        return await waiting

    def _member(self, join: Join) -> Member:
        others = [member for member in self.members.values() if member.id != join.member_id]
        if others and not (join.protocol_type == self.protocol_type and _common([join, *(one.join for one in others)])):
            raise BrokerError(Code.INCONSISTENT_GROUP_PROTOCOL, "the others of the group assign by other protocols")
        name = join.member_id
        if not name:
            name = f"{join.client_id}-{uuid.uuid4()}"
            if join.id_required:
                self._announced.add(name)
                raise BrokerError(Code.MEMBER_ID_REQUIRED, name)
        elif name not in self.members and name not in self._announced:
            raise BrokerError(Code.UNKNOWN_MEMBER_ID, f"{name} is no member")
        self._announced.discard(name)
        self.protocol_type = join.protocol_type
        return self.members.setdefault(name, Member(name, join))

    def _rebalance(self) -> None:
        """Ask everyone to join again, and begin the next generation when they have, or time is up."""
        for member in self.members.values():
            if member.syncing is not None:
                _refuse(member.syncing, Code.REBALANCE_IN_PROGRESS, "the group is joining again")
                member.syncing = None
                self._start_clock(member)
        if self.state is not State.JOINING:
            self.state = State.JOINING
            self._give_time(self._begin)
        if all(member.joining is not None for member in self.members.values()):
            self._begin()

    def _begin(self) -> None:
        """Begin a generation with those who joined."""
        for name in [name for name, member in self.members.items() if member.joining is None]:
            self._stop_clock(self.members.pop(name))
        self.generation += 1
        self.state = State.SYNCING if self.members else State.EMPTY
        self._give_time(self._go_on_without_a_leader)
        if not self.members:
            return
        if self.leader not in self.members:
            self.leader = next(iter(self.members))
        self.protocol = self._elected()
        for member in self.members.values():
            told, member.joining, member.share = member.joining, None, b""
            if told is not None and not told.done():
                told.set_result(self._told(member))
            self._start_clock(member)

    def _go_on_without_a_leader(self) -> None:
        """The others wait for as long as the leader lives, and one that never shares out may live for ever."""
        if self.state is State.SYNCING:
            self.leave(self.leader)

    def _give_time(self, then: Callable[[], None]) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        longest = max((member.join.rebalance_seconds for member in self.members.values()), default=0)
        self._deadline = asyncio.get_running_loop().call_later(longest, then)

    def _elected(self) -> str:
        """Of the protocols that all know, the one that most like best."""
        common = _common([member.join for member in self.members.values()])
        votes = Counter(
            next(name for name in member.join.protocols if name in common) for member in self.members.values()
        )
        return votes.most_common(1)[0][0]

    def _told(self, member: Member) -> Joined:
        everyone = {one.id: one.join.protocols[self.protocol] for one in self.members.values()}
        members = everyone if member.id == self.leader else {}
        return Joined(member.id, self.generation, self.protocol, self.leader, members)

    async def sync(self, member_id: str, generation: int, shares: dict[str, bytes]) -> bytes:
        """The share of a member, when the leader has said it; BrokerError when it is out of date."""
        code = self._agrees(member_id, generation)
        if code is not Code.NONE:
            raise BrokerError(code, f"generation {generation} is not {self.generation}")
        member = self.members[member_id]
        if self.state is State.SYNCING and member_id == self.leader:
            self._share_out(shares)
        if self.state is State.STABLE:
            self._start_clock(member)
            return member.share
        _refuse(member.syncing, Code.REBALANCE_IN_PROGRESS, "the member has asked again")
        member.syncing = asyncio.get_running_loop().create_future()
        self._stop_clock(member)
        return await member.syncing

    def _share_out(self, shares: dict[str, bytes]) -> None:
        self.state = State.STABLE
        for member in self.members.values():
            member.share = shares.get(member.id, b"")
            told, member.syncing = member.syncing, None
            if told is not None and not told.done():
                told.set_result(member.share)
                self._start_clock(member)

    def _agrees(self, member_id: str, generation: int) -> Code:
        if member_id not in self.members:
            return Code.UNKNOWN_MEMBER_ID
        if generation != self.generation:
            return Code.ILLEGAL_GENERATION
        return Code.REBALANCE_IN_PROGRESS if self.state is State.JOINING else Code.NONE

    def heartbeat(self, member_id: str, generation: int) -> Code:
        """Note a sign of life; the code says whether the member must join again."""
        member = self.members.get(member_id)
        if member is not None:
            self._start_clock(member)
        return self._agrees(member_id, generation)

    def may_commit(self, member_id: str, generation: int) -> Code:
        """Whether offsets may be kept: for members of this generation, or for anyone when there are none."""
        if not self.members and generation < 0:
            return Code.NONE
        code = self._agrees(member_id, generation)
        return Code.NONE if code is Code.REBALANCE_IN_PROGRESS else code  # last commits before joining again

    def leave(self, member_id: str) -> Code:
        """Take a member out."""
        self._announced.discard(member_id)
        member = self.members.pop(member_id, None)
        if member is None:
            return Code.UNKNOWN_MEMBER_ID
        self._stop_clock(member)
        for waiting in (member.joining, member.syncing):
            _refuse(waiting, Code.UNKNOWN_MEMBER_ID, f"{member_id} has left")
        self._rebalance()
        return Code.NONE

    def _start_clock(self, member: Member) -> None:
        self._stop_clock(member)
        if member.joining is not None or member.syncing is not None:
            return  # alive, as with Apache Kafka: it is the member who waits, for the others or the leader
        loop = asyncio.get_running_loop()
        member.expiry = loop.call_later(member.join.session_seconds, self.leave, member.id)

    @staticmethod
    def _stop_clock(member: Member) -> None:
        if member.expiry is not None:
            member.expiry.cancel()
            member.expiry = None


def _common(joins: list[Join]) -> set[str]:
    """Protocols that all of them know."""
    return set.intersection(*(set(join.protocols) for join in joins))


def _refuse(waiting: "asyncio.Future[Any] | None", code: Code, message: str) -> None:
    if waiting is not None and not waiting.done():
        waiting.set_exception(BrokerError(code, message))


class Groups:
    """Groups by name."""

    def __init__(self) -> None:
        self._groups: dict[str, Group] = {}

    def get(self, name: str) -> Group:
        """The group of that name, made when it is new."""
        return self._groups.setdefault(name, Group())
