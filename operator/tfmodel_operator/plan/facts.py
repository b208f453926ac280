"""Everything that was found out, in one value: what conditions, status and events are made of."""

from dataclasses import dataclass
from datetime import datetime

from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.plan.serving import Serving
from tfmodel_operator.plan.training import Run
from tfmodel_operator.plan.versions import Versions
from tfmodel_operator.values import ApplyError


@dataclass(frozen=True, slots=True)
class Facts:
    """What was found out of a TFModel and its children at `now`."""

    model: TFModel
    run: Run
    versions: Versions
    serving: Serving
    errors: tuple[ApplyError, ...]
    now: datetime

    @property
    def answers(self) -> bool:
        """Whether a checked version answers."""
        return self.serving.ready > 0 and self.versions.active is not None

    @property
    def is_done(self) -> bool:
        """Whether all that the spec asks for is there."""
        if self.run.state != "Succeeded" or self.versions.missing or not self.serving.is_rolled_out:
            return False
        return self.serving.wanted == 0 or self.all_wanted_are_served

    @property
    def all_wanted_are_served(self) -> bool:
        """Whether every wanted version is available in every ready pod."""
        available = {version.version for version in self.versions.known if version.state == "Available"}
        return bool(self.versions.wanted) and set(self.versions.wanted) <= available
