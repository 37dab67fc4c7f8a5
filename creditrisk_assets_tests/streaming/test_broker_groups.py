"""Consumer groups of the development broker: generations, shares, and members who fall silent."""

import asyncio
from collections.abc import Coroutine

import pytest

from creditrisk_assets.local.broker.errors import BrokerError, Code
from creditrisk_assets.local.broker.groups import Group, Join, Joined, State

HOUR = 3600.0


def join(member: str = "", *protocols: str, session: float = 30, rebalance: float = 30, **options: object) -> Join:
    named = {name: b"topics" for name in protocols or ("range",)}
    return Join(member, "client", session, rebalance, "consumer", named, bool(options.get("id_required")))


async def refused(action: "Coroutine[object, object, object]") -> Code:
    with pytest.raises(BrokerError) as error:
        await asyncio.wait_for(action, 5)
    return error.value.code


async def two_joined(group: Group, leader: Join, follower: Join) -> tuple[Joined, Joined, "asyncio.Task[bytes]"]:
    """The second generation of a group, whose follower waits for its share."""
    first = await group.join(leader)
    joining = asyncio.create_task(group.join(follower))
    await asyncio.sleep(0)
    assert group.heartbeat(first.member_id, first.generation) is Code.REBALANCE_IN_PROGRESS
    leads = await group.join(leader._replace(member_id=first.member_id))
    follows = await joining
    waiting = asyncio.create_task(group.sync(follows.member_id, follows.generation, {}))
    await asyncio.sleep(0)
    return leads, follows, waiting


async def two_members(group: Group) -> tuple[Joined, Joined]:
    """The same with their shares."""
    leader, follower, waiting = await two_joined(group, join(), join())
    shares = {leader.member_id: b"one", follower.member_id: b"other"}
    assert await group.sync(leader.member_id, leader.generation, shares) == b"one"
    assert await waiting == b"other"
    return leader, follower


async def an_hour_passes() -> None:
    """Every clock that runs for less goes off now."""
    loop = asyncio.get_running_loop()
    before = loop.time
    loop.time = lambda: before() + HOUR  # type: ignore[method-assign]
    for _ in range(3):  # the loop sees what is due; what was due acts; who waited for that goes on
        await asyncio.sleep(0)


def test_the_leader_hears_of_everyone_and_shares_out() -> None:
    async def play() -> None:
        leader, follower = await two_members(Group())
        assert leader.generation == follower.generation == 2
        assert leader.leader == follower.leader == leader.member_id
        assert set(leader.members) == {leader.member_id, follower.member_id}
        assert follower.members == {}

    asyncio.run(play())


def test_an_answer_lost_on_the_way_is_given_again() -> None:
    async def play() -> None:
        group = Group()
        leader, follower = await two_members(group)
        assert await group.join(join(follower.member_id)) == follower
        assert follower.leader == leader.member_id
        assert await group.sync(follower.member_id, follower.generation, {}) == b"other"

    asyncio.run(play())


def test_who_falls_silent_is_taken_out_and_the_others_join_again() -> None:
    async def play() -> None:
        group = Group()
        silent = await group.join(join(session=0.05))
        await group.sync(silent.member_id, silent.generation, {silent.member_id: b"all"})
        async with asyncio.timeout(5):
            while group.members:
                await asyncio.sleep(0.01)
        assert group.state is State.EMPTY
        assert group.heartbeat(silent.member_id, silent.generation) is Code.UNKNOWN_MEMBER_ID
        assert await refused(group.join(join(silent.member_id))) is Code.UNKNOWN_MEMBER_ID

    asyncio.run(play())


def test_who_waits_for_a_share_stays_however_long_the_leader_takes() -> None:
    async def play() -> None:
        group = Group()
        leads, follows, waiting = await two_joined(group, join(session=3 * HOUR, rebalance=3 * HOUR), join())
        await an_hour_passes()
        assert group.heartbeat(follows.member_id, follows.generation) is Code.NONE  # from another connection
        await an_hour_passes()
        await group.sync(leads.member_id, leads.generation, {follows.member_id: b"all"})
        assert await waiting == b"all"
        await an_hour_passes()
        assert list(group.members) == [leads.member_id]  # once answered, silence counts again

    asyncio.run(play())


@pytest.mark.parametrize(
    "leader",
    [join(session=30, rebalance=2 * HOUR), join(session=2 * HOUR, rebalance=30)],
    ids=["falls silent", "lives but never shares out"],
)
def test_who_waits_for_a_leader_that_never_shares_out_joins_again(leader: Join) -> None:
    async def play() -> None:
        group = Group()
        _, follows, waiting = await two_joined(group, leader, join())
        await an_hour_passes()
        assert list(group.members) == [follows.member_id]
        assert await refused(waiting) is Code.REBALANCE_IN_PROGRESS  # type: ignore[arg-type]
        after = await group.join(join(follows.member_id))
        assert (after.generation, after.leader) == (3, follows.member_id)

    asyncio.run(play())


def test_a_leader_who_joins_again_has_the_others_join_again() -> None:
    """As with Apache Kafka: what the leader knows of topics may have changed."""

    async def play() -> None:
        group = Group()
        leader, follower = await two_members(group)
        again = asyncio.create_task(group.join(join(leader.member_id)))
        await asyncio.sleep(0)
        assert group.heartbeat(follower.member_id, follower.generation) is Code.REBALANCE_IN_PROGRESS
        assert (await group.join(join(follower.member_id))).generation == 3
        assert (await again).leader == leader.member_id

    asyncio.run(play())


def test_a_generation_begins_without_those_who_do_not_join_in_time() -> None:
    async def play() -> None:
        group = Group()
        slow = await group.join(join(rebalance=0.05))
        await group.sync(slow.member_id, slow.generation, {})
        quick = await asyncio.wait_for(group.join(join(rebalance=0.05)), 5)
        assert (quick.generation, quick.leader) == (2, quick.member_id)
        assert list(group.members) == [quick.member_id]

    asyncio.run(play())


def test_who_leaves_makes_room_at_once() -> None:
    async def play() -> None:
        group = Group()
        leader, follower = await two_members(group)
        assert group.leave(leader.member_id) is Code.NONE
        assert group.leave(leader.member_id) is Code.UNKNOWN_MEMBER_ID
        assert group.heartbeat(follower.member_id, 2) is Code.REBALANCE_IN_PROGRESS
        after = await group.join(join(follower.member_id))
        assert (after.generation, after.leader) == (3, follower.member_id)

    asyncio.run(play())


def test_an_id_is_asked_for_before_a_member_counts() -> None:
    async def play() -> None:
        group = Group()
        with pytest.raises(BrokerError) as error:
            await group.join(join(id_required=True))
        assert error.value.code is Code.MEMBER_ID_REQUIRED
        assert not group.members
        joined = await group.join(join(str(error.value), id_required=True))
        assert joined.member_id == str(error.value)

    asyncio.run(play())


def test_members_agree_on_a_protocol_or_stay_out() -> None:
    async def play() -> None:
        group = Group()
        first = await group.join(join("", "range", "sticky"))
        assert await refused(group.join(join("", "other"))) is Code.INCONSISTENT_GROUP_PROTOCOL
        joining = asyncio.create_task(group.join(join("", "sticky")))
        await asyncio.sleep(0)
        assert (await group.join(join(first.member_id, "range", "sticky"))).protocol == "sticky"
        await joining

    asyncio.run(play())


def test_only_members_of_this_generation_sync_and_commit() -> None:
    async def play() -> None:
        group = Group()
        assert group.may_commit("", -1) is Code.NONE  # nobody there: anyone may
        member = await group.join(join())
        await group.sync(member.member_id, 1, {})
        assert group.may_commit(member.member_id, 1) is Code.NONE
        assert group.may_commit(member.member_id, 0) is Code.ILLEGAL_GENERATION
        assert group.may_commit("", -1) is Code.UNKNOWN_MEMBER_ID
        assert await refused(group.sync(member.member_id, 0, {})) is Code.ILLEGAL_GENERATION
        assert await refused(group.sync("nobody", 1, {})) is Code.UNKNOWN_MEMBER_ID

    asyncio.run(play())


def test_a_member_who_asks_twice_is_answered_once() -> None:
    """A client that gave up waiting asks again on another connection; the first must not wait for ever."""

    async def play() -> None:
        group = Group()
        member = await group.join(join())
        other = asyncio.create_task(group.join(join()))
        await asyncio.sleep(0)
        name = next(name for name in group.members if name != member.member_id)
        again = asyncio.create_task(group.join(join(name)))
        assert await refused(other) is Code.REBALANCE_IN_PROGRESS  # type: ignore[arg-type]
        await group.join(join(member.member_id))
        assert (await again).member_id == name

    asyncio.run(play())
