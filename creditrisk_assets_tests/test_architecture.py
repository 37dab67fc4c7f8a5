"""The house rules that a machine can hold us to."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest

import creditrisk_assets
from creditrisk_assets.contracts import RAW_LOANS, TABLES

PACKAGE = Path(creditrisk_assets.__file__).parent
MODULES = sorted(PACKAGE.rglob("*.py"))
SHELL_NAMES = {"assets.py", "automation.py", "checks.py", "definitions.py", "partitions.py", "sensors.py", "shell.py"}
HEAVY = ("arviz", "bambi", "matplotlib", "numba", "nutpie", "pymc", "pytensor", "sklearn", "streamlit")
STAGES = {"archive", "raw", "features", "models", "scores", "monitoring", "portfolio", "serving"}
STREAM = {"raw/events", "features/behaviour", "scores/live", "scores/shadow"}
SNAPSHOT = Path(__file__).parent / "asset_specs.json"


def _imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def _may_import_dagster(path: Path) -> bool:
    inside = path.relative_to(PACKAGE)
    return path.name in SHELL_NAMES or inside.parts[0] in ("resources", "local")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_shell_files_import_dagster(path: Path) -> None:
    assert _may_import_dagster(path) or "dagster" not in _imported(path)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_holds_one_idea_in_at_most_250_lines(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= 250


def test_the_dashboard_reads_through_the_serving_stage_and_knows_no_dagster() -> None:
    known = ("creditrisk_assets.serving", "creditrisk_assets.contracts", "creditrisk_assets.columns",
             "creditrisk_assets.resources", "dashboard")  # fmt: skip
    for path in sorted((PACKAGE.parent / "dashboard").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                assert node.module.split(".")[0] != "dagster", path
                assert not node.module.startswith("creditrisk_assets") or node.module.startswith(known), path
        assert len(path.read_text().splitlines()) <= 250, path


def test_definitions_load_without_the_modelling_libraries() -> None:
    code = f"import sys, creditrisk_assets.definitions;print([name for name in {HEAVY!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_package_alone_imports_nothing_of_it() -> None:
    code = "import sys, creditrisk_assets; print(sorted(n for n in sys.modules if n.startswith('creditrisk_assets.')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _specs():  # type: ignore[no-untyped-def]
    from creditrisk_assets.definitions import defs

    return {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_stage_group_first_key_component_and_table_agree() -> None:
    for name, spec in _specs().items():
        assert spec.group_name == ("streaming" if name in STREAM else spec.key.path[0])
        assert spec.key.path[0] in STAGES
        assert (PACKAGE / spec.group_name / "assets.py").exists()
        assert tuple(spec.key.path) in TABLES, f"{name} has no contract"


def test_every_contract_has_an_asset() -> None:
    assert {table.name for table in TABLES.values()} == set(_specs())


def test_every_asset_is_described_owned_and_kinded() -> None:
    for name, spec in _specs().items():
        assert spec.description, name
        assert len(spec.description.split()) > 5, f"{name}: a business sentence, please"
        assert spec.owners == ["team:credit-risk"], name
        assert spec.kinds, name
        assert "dagster/column_schema" in spec.metadata, name


def test_every_asset_has_a_blocking_contract_check() -> None:
    from creditrisk_assets.definitions import defs

    checks = {
        (spec.asset_key.to_user_string(), spec.name): spec.blocking
        for check in defs.asset_checks or []
        for spec in check.check_specs
    }
    for name in _specs():
        assert checks[name, "keeps_its_contract"] is True


def test_the_asset_specs_are_the_ones_we_agreed_on() -> None:
    """A change here is a change of the public face: regenerate with `make snapshot` and look at the diff."""
    from creditrisk_assets_tests.specs import described

    assert described() == json.loads(SNAPSHOT.read_text())


def test_tables_are_documented_as_they_are_declared() -> None:
    from creditrisk_assets.catalogue import tables_markdown
    from creditrisk_assets.resources.environments import PROJECT

    assert (PROJECT / "docs" / "tables.md").read_text() == tables_markdown()


def test_every_declared_column_says_what_it_means_and_when_it_is_known() -> None:
    for table in TABLES.values():
        for column in table.columns:
            assert column.meaning, f"{table.name}.{column.name}"
    for column in RAW_LOANS.columns:
        assert column.known in ("key", "application", "later"), column.name
