"""An archive: immutable objects in groups, and manifests that say which of them count. No Dagster here.

Objects are put first, only where there is none, under names that hold their checksum; the manifest that lists them
comes last, under the next number, only where there is none. So a reader of manifests never sees half of anything, of
two writers one comes second and looks again, and what a crash leaves behind is found by its name and used, or ignored.
"""

from collections.abc import Callable, Iterator

from creditrisk_assets.archive.errors import DamagedError, OvertakenError
from creditrisk_assets.archive.manifest import RECOVER, Entry, Manifest, digest, opened, sealed
from creditrisk_assets.resources.conditional_puts import proven
from creditrisk_assets.resources.objects import Objects

MANIFESTS = "manifests"
POINTS = ("after_upload", "before_manifest", "after_manifest")
"""Where `at` is told, for those who want to be there when it dies."""


class Archive:
    """The archive under the root of `objects`."""

    def __init__(self, objects: Objects, at: Callable[[str], None] = lambda point: None) -> None:
        self.objects, self.at = objects, at

    def __str__(self) -> str:
        return self.objects.base

    def prove(self) -> None:
        """As `Lake.prove`: whoever writes begins with it."""
        proven(self.objects.base, self.objects.options)

    def groups(self, folder: str) -> list[str]:
        """Groups in a folder, as `events/day=2026-01-01`, in order."""
        return [f"{folder}/{name}" for name in self.objects.folders(folder)]

    def newest(self, group: str) -> Manifest | None:
        """The newest manifest of a group, None when it has none; DamagedError when it cannot be trusted."""
        found = self.objects.listed(f"{group}/{MANIFESTS}")
        if not found:
            return None
        name = found[-1].name
        manifest = opened(self._got(name), f"{self}/{name}")
        if _name(manifest) != name:
            raise DamagedError(f"{self}/{name}: it is the manifest {_name(manifest)}. {RECOVER}")
        return manifest

    def put(self, group: str, name: str, data: bytes) -> None:
        """Put an object that no manifest lists yet; one that a crash left behind is checked and used.

        DamagedError when an object of that name has other bytes.
        """
        path = f"{group}/{name}"
        if not self.objects.create(path, data) and digest(self._got(path)) != digest(data):
            raise DamagedError(f"{self}/{path}: another object has this name; remove it, no manifest lists it")
        self.at("after_upload")

    def publish(self, manifest: Manifest) -> None:
        """Make a manifest the newest of its group; OvertakenError when another has its version."""
        self.at("before_manifest")
        if not self.objects.create(_name(manifest), sealed(manifest)):
            raise OvertakenError(f"{self}/{_name(manifest)}: another was faster; run it again")
        self.at("after_manifest")

    def read(self, group: str, entry: Entry) -> bytes:
        """The bytes of an object, which are those that were archived; DamagedError names it otherwise."""
        path = f"{group}/{entry.name}"
        data = self._got(path)
        if len(data) != entry.bytes or digest(data) != entry.sha256:
            raise DamagedError(
                f"{self}/{path}: damaged. It has {len(data)} bytes and checksum {digest(data)}; "
                f"{entry.bytes} bytes and {entry.sha256} were archived. {RECOVER}"
            )
        return data

    def faults(self, manifest: Manifest) -> Iterator[str]:
        """What is wrong with the objects of a manifest, all of which are read; nothing when it is whole."""
        for entry in manifest.entries:
            try:
                self.read(manifest.group, entry)
            except DamagedError as error:
                yield str(error)

    def orphans(self, group: str, manifest: Manifest | None) -> list[str]:
        """Objects of a group that its newest manifest does not list: left by a crash, or about to be listed."""
        known = set() if manifest is None else {f"{group}/{entry.name}" for entry in manifest.entries}
        manifests = f"{group}/{MANIFESTS}/"
        found = (one.name for one in self.objects.listed(group))
        return [name for name in found if name not in known and not name.startswith(manifests)]

    def _got(self, path: str) -> bytes:
        try:
            return self.objects.get(path)
        except FileNotFoundError as error:
            raise DamagedError(f"{self}/{path}: missing. {RECOVER}") from error


def _name(manifest: Manifest) -> str:
    return f"{manifest.group}/{MANIFESTS}/{manifest.version:06}.json"
