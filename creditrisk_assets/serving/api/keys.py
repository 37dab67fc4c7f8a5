"""API keys: whoever calls has one, the platform has only its digest.

A key holds 256 random bits, so that nobody can go through all keys that have a digest: SHA-256 is
enough, and a slow hash, made for passwords that people think of, would cost every request its time.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

from creditrisk_assets.local.loopback import on_this_machine
from creditrisk_assets.resources.environments import Settings, SettingsError

VARIABLE = "CREDITRISK_API_KEYS"
NAME = r"[A-Za-z0-9._-]{1,64}"

_ENTRY = re.compile(rf"({NAME}):([0-9a-f]{{64}})")


class OpenApiError(RuntimeError):
    """The API would answer other machines without asking for a key."""


def new_key() -> str:
    """A key that nobody had before."""
    return f"crk_{secrets.token_urlsafe(32)}"


def digest(key: str) -> str:
    """What the platform keeps of a key, 64 hexadecimal digits."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


@dataclass(frozen=True)
class Keys:
    """Digests and the names of those who hold their keys."""

    holders: tuple[tuple[str, str], ...] = ()

    def __bool__(self) -> bool:
        """Are there any? Without one nobody is asked."""
        return bool(self.holders)

    def holder(self, key: str) -> str | None:
        """Whose key it is, None for nobody's; as long for every key, whichever it is like."""
        asked, found = digest(key), None
        for name, kept in self.holders:
            if hmac.compare_digest(asked, kept):
                found = name
        return found


def keys(values: Settings) -> Keys:
    """The keys of the settings; SettingsError for what is not a list of them, without repeating it."""
    told = values.api_keys.get_secret_value() if values.api_keys is not None else ""
    entries = [entry.strip() for entry in told.split(",") if entry.strip()]
    found = [_ENTRY.fullmatch(entry) for entry in entries]
    holders = tuple((match[1], match[2]) for match in found if match is not None)
    if len(holders) < len(entries):
        place = found.index(None) + 1
        raise SettingsError(
            f"{VARIABLE}: entry {place} of {len(entries)} is not a name and a digest: write name:digest as "
            "`creditrisk api key NAME` prints it, with commas between"
        )
    if len({name for name, _ in holders}) < len(holders):
        raise SettingsError(f"{VARIABLE}: a name stands there twice: give every key a name of its own")
    return Keys(holders)


def refuse_open(host: str, known: Keys) -> None:
    """OpenApiError where other machines could ask without a key."""
    if not known and on_this_machine(host) is None:
        raise OpenApiError(
            f"{host} can be reached from other machines and no key is asked for: make one with "
            f"`creditrisk api key NAME` and set {VARIABLE}, or listen on 127.0.0.1"
        )
