"""Numbers by key: the latest entry of a key counts, however the entries came in."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.streaming.keyed import Keyed

ENTRIES = st.lists(st.tuples(st.integers(0, 30).map(str), st.floats(-1e9, 1e9)), max_size=200)


def told(entries: list[tuple[str, float]]) -> tuple[pl.Series, np.ndarray]:
    keys = pl.Series([key for key, _ in entries], dtype=pl.String)
    return keys, np.array([[value, -value] for _, value in entries]).reshape(len(entries), 2)


@given(ENTRIES, st.lists(st.integers(0, 200), max_size=10))
def test_later_entries_win_over_any_split_into_calls(entries: list[tuple[str, float]], cuts: list[int]) -> None:
    keyed = Keyed(2)
    edges = sorted(min(cut, len(entries)) for cut in cuts)
    for start, end in zip([0, *edges], [*edges, len(entries)], strict=True):
        keyed.add(*told(entries[start:end]))
    expected = dict(entries)
    asked = [str(number) for number in range(40)]
    known, values = keyed.find(pl.Series(asked))
    assert known.tolist() == [key in expected for key in asked]
    for key, there, value in zip(asked, known, values, strict=True):
        assert value.tolist() == [expected[key], -expected[key]] if there else np.isnan(value).all()


def test_nobody_is_known_at_first() -> None:
    known, values = Keyed(3).find(pl.Series(["a", "b"]))
    assert not known.any()
    assert values.shape == (2, 3)
    assert np.isnan(values).all()
    assert Keyed(3).find(pl.Series([], dtype=pl.String))[1].shape == (0, 3)


def test_keys_alone_are_kept_without_numbers() -> None:
    keyed = Keyed(0)
    keyed.add(pl.Series(["a", "a", "b"]), np.zeros((3, 0)))
    known, values = keyed.find(pl.Series(["b", "c"]))
    assert known.tolist() == [True, False]
    assert values.shape == (2, 0)


def test_entries_that_replace_others_take_no_room_for_ever() -> None:
    keyed, keys = Keyed(1), pl.Series(range(1_000)).cast(pl.String)
    for number in range(100):
        keyed.add(keys, np.full((1_000, 1), float(number)))
    assert len(keyed) <= 2_000
    assert keyed.find(keys)[1].tolist() == [[99.0]] * 1_000
