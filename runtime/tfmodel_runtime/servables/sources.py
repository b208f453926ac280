"""Which versions exist: the numbered folders of a base path, in TensorFlow Serving's layout.

From a managed store only versions with the mark of a complete one count (`assets.extra/tfmodel.json`, written last); from any
other folder those that hold a saved_model.pb. A folder that cannot be read says nothing: what is loaded stays.
"""

from dataclasses import dataclass
from pathlib import Path

from tfmodel.store import layout

_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class DirectorySource:
    """The versions of one model under `base_path`."""

    base_path: Path
    is_managed: bool = False

    def versions(self) -> dict[int, Path] | None:
        """Number and folder of each version; None if the base path cannot be read."""
        try:
            children = list(self.base_path.iterdir())
            return {int(child.name): child for child in children if self._is_version(child)}
        except OSError:
            return None

    def _is_version(self, child: Path) -> bool:
        if not child.name.isdecimal() or not child.name.isascii() or int(child.name) > _LARGEST:
            return False
        return layout.is_complete(child) if self.is_managed else (child / "saved_model.pb").is_file()
