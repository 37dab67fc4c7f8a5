"""The lender's choices under IFRS 9, and what is refused of them."""

import dataclasses
from pathlib import Path

import pytest

from creditrisk_assets.portfolio.ifrs9 import PACKAGED, Choices, ImpairmentError, Scenario, load_choices

LINES = PACKAGED.read_text().splitlines()
PLAIN = [line for line in LINES if line.strip() and not line.startswith("#")]
"""version 1, increases 2 and 3, days 4 and 5, write-off 6, discounting 7, scenarios 8, base 9 to 11, and so on."""


def changed(folder: Path, *changes: tuple[str, str]) -> Path:
    text = "\n".join(PLAIN) + "\n"
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    path = folder / "ifrs9.yaml"
    path.write_text(text)
    return path


def refused(path: Path) -> str:
    with pytest.raises(ImpairmentError) as caught:
        load_choices(path)
    return str(caught.value)


def test_the_packaged_choices_are_read_as_they_are_written() -> None:
    assert load_choices() == Choices(
        "2026-01", 1.5, 0.02, 30, 90, 1, "effective",
        (Scenario("base", 0.5, 0.0), Scenario("downturn", 0.3, 0.4), Scenario("upturn", 0.2, -0.3)),
    )  # fmt: skip


def test_every_packaged_key_is_explained() -> None:
    for field in dataclasses.fields(Choices):
        place = next(n for n, line in enumerate(LINES) if line.startswith(f"{field.name}:"))
        assert LINES[place - 1].startswith("# "), field.name


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("weight: 0.5", "weight: 0.6"), 8, "scenarios have weights that sum to 1.1 (0.6 + 0.3 + 0.2). Mend them"),
        (("weight: 0.5", "weight: 0.4999"), 8, "sum to 0.9999"),
        (("weight: 0.5", "weight: -0.5"), 10, "scenarios.base.weight is -0.5, but must be at least 0"),
        (("shift: 0.4", "shift: 9"), 14, "scenarios.downturn.shift is 9, but must lie between -5 and 5"),
        (("shift: 0.4", "shft: 0.4"), 14, "scenarios.downturn.shft is not a known key. Mend or remove it"),
        (("    shift: 0.4\n", ""), 12, "scenarios.downturn.shift is missing"),
        (("shift: 0.4", 'shift: "0.4"'), 14, "is text (0.4), not a plain decimal"),
        (("absolute_increase", "absolut_increase"), 3, "absolut_increase is not a known key"),
        (("relative_increase: 1.5", "relative_increase: 0.9"), 2, "relative_increase is 0.9, but must be at least 1"),
        (("relative_increase: 1.5", "relative_increase: 1.5\nrelative_increase: 2"), 2, "stands there again at line 3"),
        (("default_days: 90", "default_days: 120"), 5, "default_days is 120, but must be at least 1 and at most 90"),
        (("default_days: 90", "default_days: 30"), 4, "is 30, not below default_days with 30"),
        (("default_days: 90", "default_days: 89.5"), 5, "default_days is 89.5. Write a whole number"),
        (("default_days: 90", "default_days: 1e999"), 5, "default_days is inf. Write a whole number"),
        (("discounting: effective", "discounting: yes"), 7, "discounting is a yes or no, not text"),
        (("discounting: effective", "discounting: market"), 7, "discounting is 'market'. Write effective or none"),
        (('version: "2026-01"', 'version: " "'), 1, "version is blank"),
        (('version: "2026-01"', "version: 2026"), 1, "version is a number, not text"),
    ],
)
def test_a_bad_value_is_refused_with_its_file_line_and_remedy(
    tmp_path: Path, change: tuple[str, str], line: int, said: str
) -> None:
    path = changed(tmp_path, change)
    message = refused(path)
    assert message.startswith(f"{path}, line {line}: ")
    assert said in message


def test_scenarios_must_be_keys_and_one_at_least(tmp_path: Path) -> None:
    head = "\n".join(PLAIN[:7])
    path = tmp_path / "ifrs9.yaml"
    for scenarios, said in (
        ("scenarios: 0.5", "scenarios is a number, where keys are expected"),
        ("scenarios: {}", "scenarios is empty. Write one at least"),
        ("scenarios: {base: 1}", "scenarios.base is a number, where keys are expected"),
    ):
        path.write_text(f"{head}\n{scenarios}\n")
        assert f"{path}, line 8: {said}" in refused(path)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    path = changed(tmp_path, ("months_to_write_off: 1\n", ""))
    assert f"{path}, line 1: months_to_write_off is missing. Add a line" in refused(path)


def test_a_file_that_is_absent_or_no_yaml_is_named(tmp_path: Path) -> None:
    assert refused(tmp_path / "absent.yaml").startswith(f"{tmp_path / 'absent.yaml'}: there is no such file")
    path = tmp_path / "ifrs9.yaml"
    path.write_text("- version\n")
    assert refused(path).startswith(f"{path}: holds no keys (it is a list)")


@pytest.mark.parametrize("change", [{"relative_increase": 0.5}, {"scenarios": ()}, {"discounting": ""}])
def test_choices_made_in_code_keep_the_same_rules(change: dict[str, object]) -> None:
    with pytest.raises(ImpairmentError, match=f"^{next(iter(change))} is "):
        dataclasses.replace(load_choices(), **change)  # type: ignore[arg-type]
