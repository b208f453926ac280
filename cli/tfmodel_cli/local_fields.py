"""The fields of a manifest that mean nothing without a cluster, and are set: they are named, not silently left out."""

from collections.abc import Iterator

from tfmodel.api.schema import ApiValue
from tfmodel.api.v1alpha1 import TFModel

_ONLY_IN_A_CLUSTER = {
    "source": {"secretRef", "caBundleRef"},
    "training": {
        "image", "envFrom", "resources", "nodeSelector", "tolerations", "affinity", "imagePullSecrets", "backoffLimit",
        "workers", "schedule",
    },
    "storage": {"persistentVolumeClaim", "existingClaim", "onDelete"},
    "serving": {
        "replicas", "resources", "service", "drain", "tls", "auth", "nodeSelector", "tolerations", "affinity", "imagePullSecrets",
    },
}  # fmt: skip


def not_used(model: TFModel) -> list[str]:
    """Paths of these fields, as spec.serving.replicas."""
    spec = model.spec
    parts = {"training": spec.training, "source": spec.source, "storage": spec.storage, "serving": spec.serving}
    return [
        f"{name}.{field}"
        for name, part in parts.items()
        if part is not None
        for field in _set_fields(part)
        if field in _ONLY_IN_A_CLUSTER[name]
    ]


def _set_fields(part: ApiValue) -> Iterator[str]:
    fields = type(part).model_fields
    for name in sorted(part.model_fields_set):
        field = fields[name]
        if getattr(part, name) != field.get_default(call_default_factory=True, validated_data={}):
            yield field.alias or name
