"""Whom alerts reach: the channels of CREDITRISK_ALERT_URLS, each an Apprise URL. No URL is ever shown or logged."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from creditrisk_assets.monitoring.outbox import Message
from creditrisk_assets.resources.environments import Settings, SettingsError

if TYPE_CHECKING:
    from apprise import NotifyBase

VARIABLE = "CREDITRISK_ALERT_URLS"
KEYED = ("json", "jsons", "xml", "xmls", "form", "forms", "mailto", "mailtos")
"""Channels that take headers of ours: the key of a message goes there too, beside the last line of its body."""
HEADER = "Idempotency-Key"
PATIENCE = 20.0
"""Seconds for a channel to take a message; Apprise itself waits 4 s for a web server, 15 s for a mail server."""


@dataclass(frozen=True)
class Channel:
    """One channel; calling it sends a message, and says whether it was taken."""

    url: str

    def __call__(self, message: Message) -> bool:
        """Send the message. False when it was not taken, whatever the reason: the next tick tries again."""
        from apprise import Apprise, NotifyFormat, NotifyType

        service = _opened(self._keyed(message.key))
        if service is None:
            return False
        courier = Apprise()
        courier.add(service)
        kind = NotifyType.SUCCESS if message.good else NotifyType.WARNING
        body = f"{message.body}\n\n{message.key}"
        sent = courier.notify(body, message.title, notify_type=kind, body_format=NotifyFormat.TEXT, timeout=PATIENCE)
        return bool(sent)

    def _keyed(self, key: str) -> str:
        if self.url.partition("://")[0].lower() not in KEYED:
            return self.url
        return f"{self.url}{'&' if '?' in self.url else '?'}+{HEADER}={key}"

    def __repr__(self) -> str:
        """Not the URL."""
        return f"Channel({self.url.partition('://')[0]}://…)"


def channels(values: Settings) -> list[Channel]:
    """The channels of the settings, none without the setting; SettingsError names the place of one that is no use.

    URLs are parted by commas; one among the options of a URL, after its question mark, belongs to it.
    """
    urls = _parted(values.alert_urls.get_secret_value()) if values.alert_urls is not None else []
    for number, url in enumerate(urls, 1):
        if _opened(url) is None:
            raise SettingsError(
                f"{VARIABLE}: URL {number} of {len(urls)} is none that Apprise can use. Mend it: json://host/path, "
                "mailto://user:password@host?to=address and slack://… are, and a comma parts two of them"
            )
    return [Channel(url) for url in urls]


def send_to_all(found: list[Channel], message: Message) -> list[int]:
    """Send one message at once; numbers, from 1, of the channels that did not take it."""
    return [number for number, channel in enumerate(found, 1) if not channel(message)]


def _parted(text: str) -> list[str]:
    urls: list[str] = []
    for part in text.split(","):
        if urls and "://" not in part and "?" in urls[-1]:
            urls[-1] += f",{part}"
        else:
            urls.append(part.strip())
    return [url for url in urls if url]


def _opened(url: str) -> "NotifyBase | None":
    """The channel behind a URL, None when there is none."""
    from apprise import Apprise

    # It logs parts of the URLs it cannot use, and hosts it cannot reach.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return Apprise.instantiate(url)
