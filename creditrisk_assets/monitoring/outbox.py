"""Messages on their way: each reaches every channel at least once, in order, under a key that never changes.

A message is kept before it is sent, in the tick before: whichever tick dies, the next one sends the same
message under the same key, by which a receiver can tell a repeat. A channel that does not take a message is
left alone for the rest of the tick and asked again in the next.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

KEPT = 20
"""Messages on their way at most; while all of them wait for everybody, what is wrong is remembered, not written up."""

PATIENCE = 24 * 3600.0
"""Seconds after which a channel is given up for a message that another one took."""


@dataclass
class Message:
    """One message; `left` are the positions of the channels that have not taken it yet."""

    key: str
    title: str
    body: str
    good: bool
    made: float
    left: list[int]
    reached: bool = False


@dataclass
class Outbox:
    """What is on its way, oldest first; `written` counts all messages ever."""

    messages: list[Message] = field(default_factory=list)
    written: int = 0

    def room(self, now: float) -> bool:
        """Is there room for another message? What somebody has taken makes room, after a day or when it is needed."""
        kept = [one for one in self.messages if not (one.reached and now - one.made > PATIENCE)]
        while len(kept) >= KEPT and any(one.reached for one in kept):
            kept.remove(next(one for one in kept if one.reached))
        self.messages = kept
        return len(kept) < KEPT

    def put(self, title: str, body: str, good: bool, now: float, channels: int) -> Message:
        """Keep a message for `channels` channels; its key is its number and a digest of what it says."""
        self.written += 1
        digest = blake2b(f"{title}\n{body}".encode(), digest_size=4).hexdigest()
        message = Message(f"creditrisk-{self.written}-{digest}", title, body, good, now, list(range(channels)))
        self.messages.append(message)
        return message

    def send(self, channels: Sequence[Callable[[Message], bool]], in_time: Callable[[], bool]) -> list[int]:
        """Send what is left while there is time; positions of the channels that did not take a message.

        Positions that are no more, for the setting was changed, are forgotten; what nobody took goes to all.
        """
        every = list(range(len(channels)))
        for message in self.messages:
            message.left = [at for at in message.left if at < len(channels)]
            if not message.left and not message.reached:
                message.left = every[:]
        refused = []
        for position, channel in enumerate(channels):
            for message in [one for one in self.messages if position in one.left]:
                if not in_time():
                    break
                if not channel(message):
                    refused.append(position)
                    break
                message.left.remove(position)
                message.reached = True
        self.messages = [one for one in self.messages if one.left]
        return refused
