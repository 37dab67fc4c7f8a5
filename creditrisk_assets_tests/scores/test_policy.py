"""The lender's policy, and what is refused of it."""

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from creditrisk_assets.scores.policy import PACKAGED, Policy, PolicyError, break_even, load_policy

SHARES = st.floats(1e-6, 1)
GOOD = {"version": '"1"', "loss_given_default": "0.6", "margin": "0.06"}


def written(folder: Path, text: str | bytes) -> Path:
    path = folder / "policy.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def yaml_of(**keys: str) -> str:
    """A good policy with these lines changed or added; version is line 1, then loss, margin, the rest."""
    return "".join(f"{key}: {value}\n" for key, value in {**GOOD, **keys}.items())


def refused(path: Path) -> str:
    with pytest.raises(PolicyError) as caught:
        load_policy(path)
    return str(caught.value)


def test_the_packaged_policy_stands_at_its_break_even_and_explains_every_key() -> None:
    policy = load_policy()
    even = break_even(policy.margin, policy.loss_given_default)
    assert policy.approve_below == policy.decline_from == even
    assert policy.confidence == 0.8
    text = PACKAGED.read_text()
    for field in dataclasses.fields(Policy):
        place = next(n for n, line in enumerate(text.splitlines()) if line.lstrip("# ").startswith(f"{field.name}: "))
        assert text.splitlines()[place - 1].startswith("# "), field.name


def test_the_break_even_the_comments_speak_of_is_the_packaged_one() -> None:
    assert f"{load_policy().approve_below:.1%}".replace("%", " %") in PACKAGED.read_text()


def test_every_key_is_read(tmp_path: Path) -> None:
    path = written(tmp_path, yaml_of(approve_below="0.04", decline_from="0.12", confidence="0.9"))
    assert load_policy(path) == Policy("1", 0.6, 0.06, 0.04, 0.12, 0.9)


def test_a_limit_left_out_stands_at_the_break_even_beside_one_that_is_set(tmp_path: Path) -> None:
    even = break_even(0.06, 0.6)
    lower = load_policy(written(tmp_path, yaml_of(approve_below="0.04")))
    assert (lower.approve_below, lower.decline_from) == (0.04, even)
    upper = load_policy(written(tmp_path, yaml_of(decline_from="0.2")))
    assert (upper.approve_below, upper.decline_from) == (even, 0.2)


def test_limits_of_0_and_1_leave_every_decision_to_people(tmp_path: Path) -> None:
    policy = load_policy(written(tmp_path, yaml_of(approve_below="0", decline_from="1")))
    assert (policy.approve_below, policy.decline_from) == (0, 1)


@settings(deadline=None)
@given(SHARES, SHARES)
def test_the_break_even_lies_between_nothing_and_certainty_and_rises_with_the_margin(low: float, high: float) -> None:
    low, high = sorted((low, high))
    assert 0 < break_even(low, 0.5) <= break_even(high, 0.5) < 1


@pytest.mark.parametrize("written_as", ["0.06", ".06", "6e-2", "+6.0E-2", "0.060 # six per cent"])
def test_a_decimal_is_a_number_however_it_is_written(tmp_path: Path, written_as: str) -> None:
    assert load_policy(written(tmp_path, yaml_of(margin=written_as))).margin == 0.06


@pytest.mark.parametrize(
    ("keys", "line", "said"),
    [
        ({"margn": "0.06"}, 4, ["margn is not a key", "Mend or remove", "loss_given_default, margin, approve_below"]),
        ({"<<": "{margin: 0.1}"}, 4, ["<< is not a key"]),
        ({"1": "0.06"}, 4, ["1 is not a key"]),
        ({"[a, b]": "1"}, 4, ["a list is not a key"]),
        ({"margin": '"0.06"'}, 3, ["margin is text (0.06)", "without quotes"]),
        ({"margin": "6%"}, 3, ["margin is text (6%)", "0.06"]),
        ({"margin": "yes"}, 3, ["margin is a yes or no"]),
        ({"margin": "1:30"}, 3, ["margin is a number (1:30), not a plain decimal"]),
        ({"margin": "0x1"}, 3, ["margin is a number (0x1), not a plain decimal"]),
        ({"margin": "[0.06]"}, 3, ["margin is a list"]),
        ({"margin": "{a: 0.06}"}, 3, ["margin is a mapping"]),
        ({"margin": ".nan"}, 3, ["margin is a number (.nan), not a plain decimal"]),
        ({"margin": "1e999"}, 3, ["margin is inf", "at most 1"]),
        ({"margin": "!!python/object/apply:os.getcwd []"}, 3, ["margin is of the type", "os.getcwd"]),
        ({"margin": "!!float six"}, 3, ["margin is a number (six), not a plain decimal"]),
        ({"margin": "0"}, 3, ["margin is 0", "above 0", "0.06"]),
        ({"margin": "-0.06"}, 3, ["margin is -0.06", "above 0"]),
        ({"margin": "6"}, 3, ["margin is 6", "at most 1", "Write six per cent as 0.06"]),
        ({"loss_given_default": "0"}, 2, ["loss_given_default is 0", "above 0 and at most 1"]),
        ({"loss_given_default": "60"}, 2, ["loss_given_default is 60", "at most 1"]),
        ({"approve_below": "1.1"}, 4, ["approve_below is 1.1", "at least 0 and at most 1"]),
        ({"decline_from": "-0.1"}, 4, ["decline_from is -0.1", "at least 0"]),
        ({"confidence": "0.4"}, 4, ["confidence is 0.4", "at least 0.5 and at most 1"]),
        ({"confidence": "80"}, 4, ["confidence is 80", "at most 1"]),
        ({"confidence": ""}, 4, ["confidence is empty", "or remove the line"]),
        ({"version": "2026"}, 1, ["version is a number, not text", "quotes"]),
        ({"version": "2026-01-01"}, 1, ["version is a date, not text", "quotes"]),
        ({"version": ""}, 1, ["version is empty"]),
        ({"version": '" "'}, 1, ["version is blank"]),
        ({"version": "[a]"}, 1, ["version is a list"]),
        ({"approve_below": "0.2", "decline_from": "0.1"}, 4, ["approve_below is 0.2, above decline_from with 0.1"]),
        ({"approve_below": "0.2"}, 4, ["above decline_from with 0.0909091", "break-even PD of 0.0909091"]),
        ({"decline_from": "0.01"}, None, ["approve_below is 0.0909091, above decline_from with 0.01", "raise"]),
    ],
)
def test_a_bad_key_is_refused_with_its_file_line_and_remedy(
    tmp_path: Path, keys: dict[str, str], line: int | None, said: list[str]
) -> None:
    path = written(tmp_path, yaml_of(**keys))
    message = refused(path)
    assert message.startswith(f"{path}, line {line}: " if line else f"{path}: ")
    assert [part for part in said if part not in message] == []


@pytest.mark.parametrize("key", GOOD)
def test_a_missing_key_is_named(tmp_path: Path, key: str) -> None:
    lines = [line for line in yaml_of().splitlines() if not line.startswith(key)]
    assert f"{key} is missing. Add a line '{key}: ...'" in refused(written(tmp_path, "\n".join(lines)))


def test_a_key_that_stands_there_twice_is_refused_with_both_lines(tmp_path: Path) -> None:
    message = refused(written(tmp_path, yaml_of() + "margin: 0.07\n"))
    assert "line 3: margin stands there again at line 4. Keep one of the two." in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "holds no keys (it is empty)"),
        ("# nothing but a comment\n", "holds no keys (it is empty)"),
        ("- margin\n", "holds no keys (it is a list)"),
        ("margin\n", "holds no keys (it is text)"),
        ("margin: [\n", "is not YAML"),
        ("version: a\n margin: 1\n", "is not YAML: mapping values are not allowed here, line 2, column 8"),
        ("version: a\n---\nversion: b\n", "another document, line 2"),
        ("version: a\x01\n", "is not YAML: unacceptable character"),
        ("margin: *nothing\n", "is not YAML: found undefined alias"),
        ("[" * 3_000, "nested too deep"),
        (b"version: \xff\n", "is not text in UTF-8 (byte 9)"),
    ],
)
def test_a_file_that_is_no_policy_is_refused(tmp_path: Path, text: str | bytes, said: str) -> None:
    path = written(tmp_path, text)
    message = refused(path)
    assert message.startswith(f"{path}: ")
    assert said in message


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "absent.yaml").startswith(f"{tmp_path / 'absent.yaml'}: there is no such file. Name ")
    assert refused(tmp_path).startswith(f"{tmp_path}: cannot be read")


def test_a_byte_order_mark_is_no_part_of_the_first_key(tmp_path: Path) -> None:
    assert load_policy(written(tmp_path, b"\xef\xbb\xbf" + yaml_of().encode())).version == "1"


@pytest.mark.parametrize("change", [{"confidence": 0.4}, {"margin": 0.0}, {"approve_below": 0.9}, {"version": ""}])
def test_a_policy_made_in_code_keeps_the_same_rules(change: dict[str, float]) -> None:
    with pytest.raises(PolicyError, match=f"^{next(iter(change))} is "):
        dataclasses.replace(load_policy(), **change)


@settings(deadline=None, max_examples=60)
@given(st.dictionaries(st.sampled_from([*GOOD, "approve_below", "confidence", "other"]), st.text(max_size=8)))
def test_no_content_is_answered_by_anything_but_a_policy_or_a_policy_error(
    tmp_path_factory: pytest.TempPathFactory, keys: dict[str, str]
) -> None:
    path = written(tmp_path_factory.getbasetemp(), yaml_of(**keys).encode("utf-8", "replace"))
    try:
        assert 0 < load_policy(path).margin <= 1
    except PolicyError as error:
        assert str(path) in str(error)
