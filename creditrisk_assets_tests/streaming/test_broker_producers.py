"""Idempotent producers: a retry is written once, a gap is refused, a newer producer takes over."""

from pathlib import Path

import pytest

from creditrisk_assets.local.broker import producers
from creditrisk_assets.local.broker.batch import MAX_SEQUENCE
from creditrisk_assets.local.broker.errors import BrokerError, Code
from creditrisk_assets_tests.streaming.batches import batch, log_in


def sent(sequence: int, epoch: int = 0, producer: int = 1, records: int = 1) -> bytes:
    return batch(*[(1, b"x")] * records, producer=(producer, epoch, sequence))


def test_each_of_the_last_five_batches_is_known_again(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    offsets = [log.append(sent(2 * number, records=2)) for number in range(7)]
    assert [log.append(sent(2 * number, records=2)) for number in range(2, 7)] == offsets[2:]
    with pytest.raises(BrokerError) as error:
        log.append(sent(2, records=2))
    assert error.value.code is Code.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert log.end == 14


def test_a_gap_is_refused_and_says_what_follows(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append(sent(0))
    with pytest.raises(BrokerError, match="number 2 where 1 follows") as error:
        log.append(sent(2))
    assert error.value.code is Code.OUT_OF_ORDER_SEQUENCE_NUMBER


def test_a_newer_epoch_begins_at_nought_and_shuts_the_older_out(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append(sent(0))
    with pytest.raises(BrokerError) as error:
        log.append(sent(1, epoch=1))
    assert error.value.code is Code.OUT_OF_ORDER_SEQUENCE_NUMBER
    assert log.append(sent(0, epoch=1)) == 1
    with pytest.raises(BrokerError) as error:
        log.append(sent(1, epoch=0))
    assert error.value.code is Code.INVALID_PRODUCER_EPOCH


def test_numbers_start_again_after_the_largest(tmp_path: Path) -> None:
    log = log_in(tmp_path)
    log.append(sent(MAX_SEQUENCE - 1, records=2))
    assert log.append(sent(0)) == 2


def test_an_unknown_producer_goes_on_with_any_number(tmp_path: Path) -> None:
    assert log_in(tmp_path).append(sent(41)) == 0


def test_those_silent_for_longest_are_forgotten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(producers, "PRODUCERS_KEPT", 2)
    log = log_in(tmp_path)
    for producer in (1, 2, 1, 3):
        log.append(sent(1 if producer == 1 and log.end == 2 else 0, producer=producer))
    assert log.append(sent(1, producer=1)) == 2  # known: its retry is not written
    assert log.append(sent(0, producer=2)) == 4  # forgotten: taken for new
