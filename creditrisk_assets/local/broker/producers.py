"""What idempotent producers have sent to a partition, so that a batch sent again is written once.

The rules are those of Apache Kafka: the last five batches of a producer are remembered, a batch
among them is answered with the offset it has already, any other must follow in sequence.
"""

from collections import OrderedDict, deque
from typing import Any, NamedTuple

from creditrisk_assets.local.broker.batch import MAX_SEQUENCE, Batch
from creditrisk_assets.local.broker.errors import BrokerError, Code

BATCHES_KEPT = 5
PRODUCERS_KEPT = 10_000  # those silent for longest are forgotten first


class Sent(NamedTuple):
    """One batch: its sequence numbers and where it lies."""

    first: int
    last: int
    offset: int


class Producer:
    """Epoch and last batches of one producer."""

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        self.batches: deque[Sent] = deque(maxlen=BATCHES_KEPT)


class Producers:
    """All producers of one partition."""

    def __init__(self, kept: dict[str, Any] | None = None) -> None:
        self._known: OrderedDict[int, Producer] = OrderedDict()
        for producer_id, (epoch, batches) in (kept or {}).items():
            producer = self._known[int(producer_id)] = Producer(epoch)
            producer.batches.extend(Sent(*sent) for sent in batches)

    def seen(self, batch: Batch) -> int | None:
        """The offset of a batch that was written before, else None; BrokerError when it is out of order."""
        known = self._known.get(batch.producer_id)
        if batch.producer_id < 0 or known is None:
            return None  # a producer whose records are all deleted goes on with any number
        if batch.producer_epoch < known.epoch:
            raise BrokerError(Code.INVALID_PRODUCER_EPOCH, f"a newer producer {batch.producer_id} has taken over")
        if batch.producer_epoch > known.epoch:
            expected = 0
        else:
            for sent in known.batches:
                if (sent.first, sent.last) == (batch.base_sequence, batch.last_sequence):
                    return sent.offset
            expected = (known.batches[-1].last + 1) & MAX_SEQUENCE
        if batch.base_sequence != expected:
            raise BrokerError(
                Code.OUT_OF_ORDER_SEQUENCE_NUMBER,
                f"producer {batch.producer_id} sent number {batch.base_sequence} where {expected} follows",
            )
        return None

    def add(self, batch: Batch) -> None:
        """Note a batch that is in the log, at its base offset."""
        if batch.producer_id < 0:
            return
        known = self._known.get(batch.producer_id)
        if known is None or known.epoch != batch.producer_epoch:
            known = self._known[batch.producer_id] = Producer(batch.producer_epoch)
        known.batches.append(Sent(batch.base_sequence, batch.last_sequence, batch.base_offset))
        self._known.move_to_end(batch.producer_id)
        if len(self._known) > PRODUCERS_KEPT:
            self._known.popitem(last=False)

    def kept(self) -> dict[str, Any]:
        """Everything known, for a checkpoint; those silent for longest first."""
        return {str(key): [value.epoch, [list(sent) for sent in value.batches]] for key, value in self._known.items()}
