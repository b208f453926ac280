"""What was seen last of every TFModel and child, fed by the watches and by the answers to our own writes.

An object never gets older: an event that was on its way while we wrote does not undo what the write returned. That is what keeps
a finished run from being started again by a watch that lags behind. Nor does one that was deleted come back, by a write's late
answer or a list made before; one that only left the watch, since it lost its label, comes back when it is seen newer. `replace_all`
is the belt: a full list, after which what was gone by then is gone.

Of each object only what a plan reads is kept (`trim.py`); a model's children are found without looking at those of others.
"""

from collections.abc import Iterable, Iterator

from tfmodel_operator.read import at, is_owned_by, label_of, name_of, uid_of
from tfmodel_operator.trim import trimmed
from tfmodel_operator.values import LABEL_MODEL, Key, Manifest


class Cache:
    """Objects by kind, namespace and name."""

    def __init__(self) -> None:
        self._objects: dict[str, dict[tuple[str, str], Manifest]] = {}
        self._of_model: dict[tuple[str, Key], dict[tuple[str, str], Manifest]] = {}
        self._deleted: dict[str, dict[str, int]] = {}

    def put(self, found: Manifest) -> bool:
        """Takes an object, unless a newer one is known or its end is; whether it was not known as it is."""
        kind, place = str(found["kind"]), _place(found)
        if _age(found) <= self._deleted.get(kind, {}).get(uid_of(found), -1):
            return False
        known = self._objects.setdefault(kind, {}).get(place)
        if known is not None and _age(found) < _age(known):
            return False
        is_news = known is None or uid_of(known) != uid_of(found) or _age(found) > _age(known)
        self._remove(kind, place)
        self._store(kind, place, trimmed(found))
        return is_news

    def drop(self, found: Manifest) -> None:
        """Forgets an object that was deleted; one that was made anew under the same name stays."""
        kind, place = str(found["kind"]), _place(found)
        self._deleted.setdefault(kind, {})[uid_of(found)] = _age(found)
        known = self._objects.get(kind, {}).get(place)
        if known is not None and uid_of(known) == uid_of(found):
            self._remove(kind, place)

    def replace_all(self, kind: str, found: Iterable[Manifest], *, as_of: int) -> list[Manifest]:
        """Takes a full list of a kind: what is not in it is forgotten, but not what was made since. Returns what was not known.

        That is what is gone, and what is new or newer.

        `as_of` is the list's resourceVersion; of several lists, the smallest.
        """
        listed = {_place(one): one for one in found}
        known = self._objects.setdefault(kind, {})
        gone = [place for place in known if place not in listed and _age(known[place]) <= as_of]
        news = [known[place] for place in gone]
        for place in gone:
            self._remove(kind, place)
        news += [one for one in listed.values() if self.put(one)]
        deleted = self._deleted.get(kind, {})
        self._deleted[kind] = {uid: age for uid, age in deleted.items() if age > as_of}
        return news

    def get(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """The object; None if none is known."""
        return self._objects.get(kind, {}).get((namespace, name))

    def all(self, kind: str) -> Iterator[Manifest]:
        """All objects of a kind."""
        yield from self._objects.get(kind, {}).values()

    def count(self, kind: str) -> int:
        """How many objects of a kind there are."""
        return len(self._objects.get(kind, {}))

    def of_model(self, kind: str, key: Key) -> tuple[Manifest, ...]:
        """Objects of a kind that carry the model's label."""
        return tuple(self._of_model.get((kind, key), {}).values())

    def owned(self, kind: str, key: Key, uid: str) -> tuple[Manifest, ...]:
        """Objects of a kind that the TFModel with that uid controls."""
        return tuple(found for found in self.of_model(kind, key) if is_owned_by(found, uid))

    def _store(self, kind: str, place: tuple[str, str], found: Manifest) -> None:
        self._objects[kind][place] = found
        model = label_of(found, LABEL_MODEL)
        if model is not None:
            self._of_model.setdefault((kind, Key(place[0], model)), {})[place] = found

    def _remove(self, kind: str, place: tuple[str, str]) -> None:
        known = self._objects[kind].pop(place, None)
        index = (kind, Key(place[0], str(label_of(known, LABEL_MODEL)))) if known is not None else None
        if index is None or index not in self._of_model:
            return
        self._of_model[index].pop(place, None)
        if not self._of_model[index]:
            del self._of_model[index]


def _place(found: Manifest) -> tuple[str, str]:
    return str(at(found, "metadata", "namespace")), name_of(found)


def _age(found: Manifest) -> int:
    version = str(at(found, "metadata", "resourceVersion") or "0")
    return int(version) if version.isdecimal() else 0
