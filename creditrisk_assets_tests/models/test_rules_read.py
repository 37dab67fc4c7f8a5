"""The rules as people write them, and what is refused of them: the place, what is wrong, and the remedy."""

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from creditrisk_assets.contracts import BAND_LABELS, FEATURES_LOANS, MODELS_RULES
from creditrisk_assets.models.rules.reading import PACKAGED, RulesError, load_rules
from creditrisk_assets.models.rules.rule_set import BANDED, KNOWN, Band, misplaced
from creditrisk_assets.models.rules.table import rows_of

TEXT = PACKAGED.read_text()


def line_of(text: str, part: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


def refused(folder: Path, text: str | bytes) -> str:
    path = folder / "rules.yaml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    with pytest.raises(RulesError) as caught:
        load_rules(path)
    told = str(caught.value)
    assert told.startswith(f"{path}")
    assert told.endswith(".")
    return told.removeprefix(str(path))


def test_the_packaged_rules_are_the_ones_in_use_elsewhere() -> None:
    rules = load_rules()
    assert {feature: [band.up_to for band in rules.bands[feature]] for feature in BANDED} == {
        "debt_to_income": [20, 30, 40, None],
        "revolving_utilisation": [30, 60, 80, None],
        "interest_rate": [10, 15, 20, None],
    }
    assert [reason.name for reason in rules.reasons] == [
        "DTI>=30", "REVOL_UTIL>=80", "DELINQ_2YRS>0", "INQ_LAST_6MTHS>=2"
    ]  # fmt: skip
    assert str(rules.watchlist) == (
        "(debt_to_income >= 30 or revolving_utilisation >= 80) and (delinquencies_2y > 0 or inquiries_6m >= 2)"
    )
    assert str(rules.elevated) == "dti_band >= High or utilisation_band >= High"
    assert set(rules.features()) == {*BANDED, "delinquencies_2y", "inquiries_6m"}


def test_nothing_that_becomes_known_later_may_be_in_a_rule() -> None:
    assert {"debt_to_income", "interest_rate", "purpose"} <= set(KNOWN)
    assert not set(KNOWN) & set(FEATURES_LOANS.names("later", "key", "derived"))


def test_every_rule_is_shown_in_the_table_in_words() -> None:
    table = rows_of(load_rules())
    assert MODELS_RULES.violations(table.lazy()) == {}
    assert table["number"].to_list() == list(range(1, table.height + 1))
    assert table.group_by("kind", maintain_order=True).len().rows() == [
        ("band", 15), ("reason", 4), ("watchlist", 1), ("tier", 3)
    ]  # fmt: skip
    high = table.row(by_predicate=(pl.col("name") == "dti_band") & (pl.col("label") == "High"), named=True)
    assert (high["lower"], high["upper"], high["condition"]) == (30, 40, "debt_to_income above 30 and up to 40")
    assert table["version"].unique().to_list() == [load_rules().version]


# what stands in the packaged rules, what is written in its place, the line that is named, what is said of it
WRONG = {
    "a key nobody knows": ("elevated:\n", "elevatd:\n", "elevatd:", "elevatd is not a key of the file"),
    "a key that is missing": ('version: "2026-01"\n', "", "bands:", "the file has no version. Add 'version: ...'"),
    "a version that is a number": ('version: "2026-01"', "version: 2026.1", "version:", "not text. Put it in quotes"),
    "a blank version": ('version: "2026-01"', 'version: " "', "version:", "version is blank. Name it"),
    "a doubled key": ("elevated:\n", "watchlist: {reason: x}\nelevated:\n", "watchlist: {", "stands there again"),
    "a feature without bands": ("  interest_rate:\n", "  fico:\n", "  fico:", "fico is not a key of bands"),
    "bands that overlap": ("above: 20, up_to: 30}", "above: 18, up_to: 30}", "above: 18",
                           "Moderate starts above 18 and overlaps Low up to 20. Write above: 20"),
    "a gap between bands": ("above: 20, up_to: 30}", "above: 22, up_to: 30}", "above: 22", "a gap: nothing takes the "
                            "values above 20 up to 22. Write above: 20"),
    "a gap below": ("{label: Low, up_to: 20}", "{label: Low, above: 0, up_to: 20}", "above: 0", "lower values have no "
                    "band. Remove 'above'"),
    "a gap at the top": ("{label: Very High, above: 40}", "{label: Very High, above: 40, up_to: 100}", "up_to: 100",
                         "higher values have no band. Remove 'up_to'"),
    "a band without a start": ("above: 20, up_to: 30}", "up_to: 30}", "Moderate, up_to: 30", "has no 'above' and over"),
    "a band without an end": ("{label: Low, up_to: 20}", "{label: Low}", "above: 20, up_to: 30", "Give Low an 'up_to'"),
    "a band upside down": ("above: 20, up_to: 30}", "above: 20, up_to: 10}", "up_to: 10}", "not after its start at 20"),
    "labels out of order": ("Moderate, above: 20",
                            "Very High, above: 20", "label: High, above: 30", "High follows on Very High"),
    "a label nobody knows": ("Moderate, above: 20", "Medium, above: 20", "Medium", "Use one of Low, Moderate, High"),
    "a label of what is missing": ("Moderate, above: 20", "Missing, above: 20", "Missing, ab", "are Missing in any"),
    "an end that is no number": ("{label: Low, up_to: 20}", '{label: Low, up_to: "20"}', '"20"', "not a plain decimal"),
    "an end in minutes": ("{label: Low, up_to: 20}", "{label: Low, up_to: 1:30}", "1:30", "not a plain decimal"),
    "an infinite end": ("{label: Low, up_to: 20}", "{label: Low, up_to: 1e999}", "1e999", "not a plain decimal"),
    "a band with another key": ("{label: Low, up_to: 20}", "{label: Low, to: 20}", "to: 20", "not a key of a band"),
    "an outcome as a feature": ("feature: delinquencies_2y", "feature: defaulted", "defaulted", "Use one of loan"),
    "an operator nobody knows": ('operator: ">", value: 0', 'operator: "=>", value: 0', '"=>"', "Use one of <, <=, ="),
    "a text where a number belongs": ('operator: ">", value: 0', 'operator: ">", value: none', "none", "plain"),
    "a name with a comma": ('"DTI>=30", feature', '"DTI>=30,", feature', '"DTI>=30,"', "holds a comma"),
    "a name that is there twice": ('name: "REVOL_UTIL>=80"', 'name: "DTI>=30"', "feature: revolving_ut", "twice"),
    "a reason nobody declared": ('{reason: "DTI>=30"}', '{reason: "DTI>30"}', '"DTI>30"', "reason is 'DTI>30'"),
    "a band of another feature": ("{band_of: debt_to_income, operator: \">=\"", "{band_of: fico, operator: \">=\"",
                                  "fico", "band_of is 'fico'. Use one of debt_to_income"),
    "an order of what is missing": ('band_of: debt_to_income, operator: ">=", value: High',
                                    'band_of: debt_to_income, operator: ">=", value: Missing', "value: Missing",
                                    "Missing is no place in the order of bands"),
    "nothing to join": ('and:\n    - or:\n', 'and: []\n  or:\n    - or:\n', "  or:", "or is not a key of 'and'"),
    "a list where a condition belongs": ('        - {reason: "DTI>=30"}' , '        - [DTI>=30]', "[DTI>",
                                         "is a list, not a mapping"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_is_refused_with_its_line_and_a_remedy(case: str, tmp_path: Path) -> None:
    old, new, part, said = WRONG[case]
    assert TEXT.count(old) >= 1, "the packaged rules have changed: choose another place"
    text = TEXT.replace(old, new, 1)
    told = refused(tmp_path, text)
    assert told.startswith(f", line {line_of(text, part)}: "), told
    assert said in told


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", ": holds no keys (it is empty)"),
        ("- version\n", ": holds no keys (it is a list)"),
        ("bands: [\n", ": is not YAML"),
        (b"version: \xff\n", ": is not text in UTF-8 (byte 9)"),
        (TEXT.split("elevated:")[0] + "elevated: &a {and: [*a]}\n", "nested deeper than 8 levels"),
        (TEXT.split("elevated:")[0] + "elevated: {and: []}\n", "is an empty list. Write at least one"),
        (TEXT.split("elevated:")[0] + "elevated: yes\n", "is a yes or no (yes), not a mapping"),
        (TEXT.split("elevated:")[0] + "elevated: {feature: fico}\n", "has no operator. Add 'operator: ...'"),
    ],
)
def test_a_file_that_holds_no_rules_says_what_it_holds(text: str | bytes, said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path, text)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(
        RulesError, match=r"absent\.yaml: there is no such file. Name an existing file of rules, or none"
    ):
        load_rules(tmp_path / "absent.yaml")


def test_texts_bands_and_nested_conditions_are_read(tmp_path: Path) -> None:
    path = tmp_path / "rules.yaml"
    path.write_text(
        TEXT.split("elevated:")[0]
        + """elevated:
  or:
    - {feature: purpose, operator: "=", value: small_business}
    - and:
        - {band_of: interest_rate, operator: "=", value: Missing}
        - {feature: fico, operator: "<", value: 660.5}
"""
    )
    told = "purpose = 'small_business' or (rate_band = Missing and fico < 660.5)"
    assert str(load_rules(path).elevated) == told
    assert {"purpose", "fico"} <= set(load_rules(path).features())


@given(st.lists(st.integers(-5, 5), min_size=1, max_size=3, unique=True), st.data())
def test_bands_are_good_exactly_if_every_value_is_in_one(ends: list[int], data: st.DataObject) -> None:
    """Move any one end of good bands, and some value is in none, or in two, or a band holds nothing."""
    cuts: list[float | None] = [None, *(float(end) for end in sorted(ends)), None]
    bands = [Band(BAND_LABELS[n], cuts[n], cuts[n + 1]) for n in range(len(cuts) - 1)]
    assert misplaced(tuple(bands)) is None
    place, end = data.draw(st.integers(0, len(bands) - 1)), data.draw(st.sampled_from(["above", "up_to"]))
    value = data.draw(st.none() | st.integers(-6, 6).map(float))
    before = getattr(bands[place], end)
    bands[place] = Band(bands[place].label, **{"above": bands[place].above, "up_to": bands[place].up_to, end: value})
    assert (misplaced(tuple(bands)) is None) == (value == before)
