"""No file of the repository holds a secret: not the deployment, not the examples, not a test."""

import re
import subprocess
from pathlib import Path

import pytest

from creditrisk_assets_tests.conftest import PROJECT

KEYS = re.compile(
    r"AKIA[0-9A-Z]{16}|ASIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{22,}|glpat-[\w-]{20}|xox[baprs]-[\w-]{10,}"
    r"|AIza[\w-]{35}|sk_live_\w{20,}|crk_[A-Za-z0-9_-]{43}\b|eyJ[\w-]{20,}\.eyJ[\w-]{20,}\."
    r"|-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----|SCRAM-SHA-256\$\d+:|\$2[aby]\$\d\d\$"
)
"""What keys of others, of ours, and verifiers of passwords look like."""
NAME = r"[\w.-]*(?:pass(?:word|phrase|wd)?|secret(?:_?access)?(?:_?key)?|token|api_?keys?|private_?key|credentials?)"
LITERAL = re.compile(rf"""(?im)^[\s\-#"']*(?P<name>{NAME})["']?[ \t]*[:=][ \t]*(?P<value>[^\s#].*?)[ \t]*$""")
HARMLESS = re.compile(r"""(?x)
    ["']?\$\{?\w+ .*            # from the environment, as a shell or Compose writes it
    | ["'][{]{2}.*              # from the values of a chart
    | \{\s*(?:env|secretKeyRef|name|key|source|target)\s*:.*
    | [|>\[{&*!].* | ["']{2} | null | ~ | true | false | \d+
    | (?:/|\./|\.\./)\S*         # a file, mounted
    | creditrisk-[\w-]+ | [a-z][\w-]*-secret[\w-]*  # the name of an object that holds it
""")
URL = re.compile(r"\b\w+://[^\s/:@{}$<>'\"]*:(?P<password>[^\s/@]+)@")
PLACES = ("deploy", ".ci", "docs", "Makefile", ".env.example", "README.md", "pyproject.toml", "setup.cfg",
          "workspace.yaml", "dashboard/.streamlit")  # fmt: skip
SHOWN = {"password", "secret", "user", "pass", "..."}
"""What stands for a password where it is said how to write one."""


def tracked() -> list[Path]:
    """Files that git keeps, or would."""
    command = ["git", "-C", str(PROJECT), "ls-files", "--cached", "--others", "--exclude-standard"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return [path for name in done.stdout.splitlines() if (path := PROJECT / name).is_file()]


def texts(*places: str) -> dict[str, str]:
    """Text files, of some places only where those are named."""
    found = {}
    for path in tracked():
        name = str(path.relative_to(PROJECT))
        content = path.read_bytes()
        if b"\x00" not in content[:8_000] and (not places or name.startswith(places)):
            found[name] = content.decode("utf-8", "replace")
    return found


def test_no_file_holds_a_key() -> None:
    found = {name: match[0][:12] for name, text in texts().items() if (match := KEYS.search(text))}
    assert found == {}


def test_no_file_of_the_deployment_gives_a_secret_its_value() -> None:
    told = texts(*PLACES)
    assert {"deploy/prometheus/prometheus.yml", ".env.example", "docs/operations.md"} <= told.keys()
    found = []
    for name, text in told.items():
        if name.endswith((".py", ".md", ".json", ".lock")):
            continue
        found += [
            (name, match[0].strip()) for match in LITERAL.finditer(text) if not HARMLESS.fullmatch(match["value"])
        ]
    assert found == []


def test_no_address_holds_a_password() -> None:
    found = [
        (name, match[0])
        for name, text in texts(*PLACES).items()
        for match in URL.finditer(text)
        if match["password"].strip("`$.{}") not in SHOWN and not match["password"].startswith(("$", "<"))
    ]
    assert found == []


def test_what_holds_secrets_is_not_kept_by_git(tmp_path: Path) -> None:
    for name in (".env", "data/demo.env", "data/postgres/passwords", ".streamlit/secrets.toml"):
        command = ["git", "-C", str(PROJECT), "check-ignore", "-q", name]
        assert subprocess.run(command, check=False).returncode == 0, name


LINES = {
    "password: hunter2": True,
    "api_key = 'abc'": True,
    "- token: abcdef": True,
    "  POSTGRES_PASSWORD: ${POSTGRES_PASSWORD:?set it}": False,
    "CREDITRISK_API_KEYS=": False,
    "password: {env: DAGSTER_PASSWORD}": False,
    "password_file: /run/secrets/a": False,
    "secret: creditrisk-api": False,
}


@pytest.mark.parametrize(("line", "is_secret"), LINES.items())
def test_a_literal_would_be_found(line: str, is_secret: bool) -> None:
    found = [one for one in LITERAL.finditer(line) if not HARMLESS.fullmatch(one["value"])]
    assert bool(found) is is_secret
