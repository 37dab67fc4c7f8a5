"""What can go wrong with an archive; every message names the object and the remedy."""


class ArchiveError(RuntimeError):
    """The archive cannot be used as it is."""


class DamagedError(ArchiveError):
    """An object is missing, or is not the one its manifest describes."""


class OvertakenError(ArchiveError):
    """Another has published this version of a manifest first."""


class NotEmptyError(ArchiveError):
    """A lake holds other events than those that were to be restored."""
