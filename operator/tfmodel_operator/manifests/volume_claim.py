"""The PersistentVolumeClaim `<model>-store` that holds the versions, when the TFModel names no existing one."""

from tfmodel.api.quantities import parse_quantity
from tfmodel.api.serving import VolumeClaim
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.metadata import Json, metadata
from tfmodel_operator.read import at
from tfmodel_operator.values import Manifest


def volume_claim(model: TFModel, name: str, seen: Manifest | None) -> Json:
    """The claim. With onDelete: Retain it has no owner, so that it outlives the TFModel.

    A claim that was kept from an earlier TFModel may be larger than is asked for now: a volume cannot shrink, so its size stays.
    """
    wanted = model.spec.storage.persistent_volume_claim or VolumeClaim()
    kept = at(seen, "spec", "resources", "requests", "storage")
    size = kept if kept is not None and parse_quantity(kept) > parse_quantity(wanted.size) else wanted.size
    storage_class = {"storageClassName": wanted.storage_class_name} if wanted.storage_class_name is not None else {}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(model, name, "store", owned=model.spec.storage.on_delete == "Delete"),
        "spec": {
            "accessModes": list(wanted.access_modes or ["ReadWriteOnce"]),
            "resources": {"requests": {"storage": size}},
            **storage_class,
        },
    }
