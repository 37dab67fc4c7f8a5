"""What goes wrong between the platform and its storage."""


class LakeError(RuntimeError):
    """The lake refuses to read or write; the message names the table and the remedy."""


class UnsafeStoreError(LakeError):
    """The store lets two writers overwrite each other; the message says what was found and the remedy."""


class ObjectStoreError(OSError):
    """A store does not answer, or refuses; the message names it and what it said."""
