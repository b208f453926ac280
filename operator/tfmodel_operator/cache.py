"""What was seen last of every TFModel and child, fed by the watches and by the answers to our own writes.

An object never gets older: an event that was on its way while we wrote does not undo what the write returned. That is what keeps
a finished run from being started again by a watch that lags behind. Nor does one that was deleted come back, by a write's late
answer or a list made before. `replace_all` is the belt: a full list, after which what was gone by then is gone.
"""

from collections.abc import Iterable, Iterator

from tfmodel_operator.read import at, is_owned_by, label_of, name_of, uid_of
from tfmodel_operator.values import LABEL_MODEL, Key, Manifest

_NEVER_READ = ("managedFields", "annotations")


class Cache:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[tuple[str, str], Manifest]] = {}
        self._deleted: dict[str, dict[str, int]] = {}

    def put(self, found: Manifest) -> None:
        """Takes an object, unless a newer one is known or its end is."""
        kind, place = str(found["kind"]), _place(found)
        if uid_of(found) in self._deleted.get(kind, {}):
            return
        known = self._objects.setdefault(kind, {}).get(place)
        if known is None or _age(found) >= _age(known):
            self._objects[kind][place] = _trimmed(found)

    def drop(self, found: Manifest) -> None:
        """Forgets an object that was deleted; one that was made anew under the same name stays."""
        kind, place = str(found["kind"]), _place(found)
        self._deleted.setdefault(kind, {})[uid_of(found)] = _age(found)
        known = self._objects.get(kind, {}).get(place)
        if known is not None and uid_of(known) == uid_of(found):
            del self._objects[kind][place]

    def replace_all(self, kind: str, found: Iterable[Manifest], *, as_of: int) -> None:
        """Takes a full list of a kind: what is not in it is forgotten, but not what was made since.

        `as_of` is the list's resourceVersion; of several lists, the smallest.
        """
        listed = {_place(one): one for one in found}
        known = self._objects.setdefault(kind, {})
        for place in [place for place in known if place not in listed and _age(known[place]) <= as_of]:
            del known[place]
        for one in listed.values():
            self.put(one)
        deleted = self._deleted.get(kind, {})
        self._deleted[kind] = {uid: age for uid, age in deleted.items() if age > as_of}

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """The object; None if none is known."""
        return self._objects.get(kind, {}).get((namespace, name))

    def all(self, kind: str) -> Iterator[Manifest]:
        """All objects of a kind."""
        yield from self._objects.get(kind, {}).values()

    def of_model(self, kind: str, key: Key) -> tuple[Manifest, ...]:
        """Objects of a kind that carry the model's label."""
        return tuple(
            found
            for found in self._objects.get(kind, {}).values()
            if at(found, "metadata", "namespace") == key.namespace and label_of(found, LABEL_MODEL) == key.name
        )

    def owned(self, kind: str, key: Key, uid: str) -> tuple[Manifest, ...]:
        """Objects of a kind that the TFModel with that uid controls."""
        return tuple(found for found in self.of_model(kind, key) if is_owned_by(found, uid))


def _place(found: Manifest) -> tuple[str, str]:
    return str(at(found, "metadata", "namespace")), name_of(found)


def _age(found: Manifest) -> int:
    version = str(at(found, "metadata", "resourceVersion") or "0")
    return int(version) if version.isdecimal() else 0


def _trimmed(found: Manifest) -> Manifest:
    metadata = {name: part for name, part in found["metadata"].items() if name not in _NEVER_READ}
    return {**found, "metadata": metadata}
