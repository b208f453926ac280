"""`spec.training`: how a version is trained."""

from datetime import UTC, datetime
from typing import Annotated

from cronsim import CronSim, CronSimError
from pydantic import AfterValidator, Field

from tfmodel.api.kubernetes import EnvFromSource, EnvVar, Placement, ResourceRequirements
from tfmodel.api.schema import ATOMIC, DNS_LABEL, ApiValue, Key, Name, Rule, exactly_one, map_list, once

RESERVED_MOUNTS = ("/tfmodel", "/etc/tfmodel", "/store", "/source", "/tmp", "/dev", "/proc", "/sys")  # noqa: S108
RunId = Annotated[str, Field(min_length=1, max_length=14, pattern=DNS_LABEL)]
Argument = Annotated[str, Field(max_length=32768)]
_CRON_PATTERN = r"^[0-9*/,L-]+ [0-9*/,L-]+ [0-9*/,LW-]+ [0-9A-Za-z*/,-]+ [0-9A-Za-z*/,#-]+$"
_RESERVED_CEL = ", ".join(f"'{path}'" for path in RESERVED_MOUNTS)


def _is_cron(text: str) -> str:
    try:
        CronSim(text, datetime(2000, 1, 1, tzinfo=UTC))
    except CronSimError as error:
        raise ValueError(f"expected five fields of cron, as in '0 3 * * *': {error}") from error
    return text


def _is_reserved(path: str) -> bool:
    return any(path == reserved or path.startswith(reserved + "/") for reserved in RESERVED_MOUNTS)


class ConfigMapKey(ApiValue):
    """One file out of a ConfigMap."""

    name: Name
    """Name of the ConfigMap, in the TFModel's namespace."""
    key: Key
    """Key in the ConfigMap's data; the file has the same name."""


class Script(ApiValue):
    """The Python file to run."""

    config_map_ref: ConfigMapKey
    """The ConfigMap and key that hold the file."""


class ConfigMapInput(ApiValue):
    """All files of a ConfigMap."""

    name: Name
    """Name of the ConfigMap, in the TFModel's namespace."""


class ClaimInput(ApiValue):
    """Files on a PersistentVolumeClaim."""

    claim_name: Name
    """Name of the PersistentVolumeClaim, in the TFModel's namespace."""
    sub_path: Annotated[str, Field(max_length=1024, pattern=r"^[^/]")] | None = None
    """Folder of the volume to mount; the whole volume if not set."""

    rules = (
        Rule(
            cel="!has(self.subPath) || !self.subPath.split('/').exists(part, part == '..')",
            message="subPath must not contain '..': name a folder inside the volume",
            check=lambda claim: ".." not in (claim.sub_path or "").split("/"),
        ),
    )


class Input(ApiValue):
    """A data set for the training container, mounted read-only."""

    name: Annotated[str, Field(min_length=1, max_length=40, pattern=DNS_LABEL)]
    """Name of the input; its path is in the environment as TFMODEL_INPUT_<NAME>."""
    mount_path: Annotated[str, Field(min_length=2, max_length=512, pattern=r"^/[^:]+$")]
    """Where the files appear in the training container."""
    config_map: ConfigMapInput | None = None
    """The files are the keys of a ConfigMap."""
    persistent_volume_claim: ClaimInput | None = None
    """The files are on a volume."""

    rules = (
        exactly_one("configMap", "persistentVolumeClaim", fix="use one list entry for each data set"),
        Rule(
            cel=f"![{_RESERVED_CEL}].exists(path, self.mountPath == path || self.mountPath.startsWith(path + '/'))",
            message=f"mountPath must not lie under a reserved path ({', '.join(RESERVED_MOUNTS)}): use /data/<name>",
            check=lambda data: not _is_reserved(data.mount_path),
        ),
    )


class Training(Placement):
    """How the model is trained: a container that writes a model to $TFMODEL_EXPORT_DIR.

    A change of anything here but `suspend` and `schedule` starts a new run, and a successful run becomes a new version.
    """

    image: Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[^\s]+$")] | None = None
    """Image of the training container. Default: the trainer image of the operator's release (TensorFlow, Keras, NumPy)."""
    script: Script | None = None
    """Python file to run. Instead of command."""
    command: Annotated[list[Argument], Field(min_length=1, max_length=64, json_schema_extra=ATOMIC)] | None = None
    """Entry point of the container, instead of script. Default: the image's own."""
    args: Annotated[list[Argument], Field(max_length=256, json_schema_extra=ATOMIC)] | None = None
    """Arguments for the script, the command or the image's entry point."""
    env: Annotated[list[EnvVar], Field(max_length=128, json_schema_extra=map_list("name")), once("name")] | None = None
    """Environment variables of the training container."""
    env_from: Annotated[list[EnvFromSource], Field(max_length=32, json_schema_extra=ATOMIC)] | None = None
    """ConfigMaps and Secrets whose keys become environment variables of the training container."""
    params: (
        Annotated[
            dict[
                Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,62}$")],
                Annotated[str, Field(max_length=4096)],
            ],
            Field(max_length=64),
        ]
        | None
    ) = None
    """Hyperparameters, as text: each is in the environment as TFMODEL_PARAM_<NAME> (learningRate: LEARNING_RATE), all
    are in /etc/tfmodel/params.json."""
    inputs: Annotated[list[Input], Field(max_length=16, json_schema_extra=map_list("name")), once("name")] | None = None
    """Data sets, mounted read-only."""
    resources: ResourceRequirements | None = None
    """What the training container asks for and may use at the most."""
    backoff_limit: Annotated[int, Field(ge=0, le=20)] = 2
    """How often a failed training is tried again before the run counts as failed."""
    active_deadline_seconds: Annotated[int, Field(ge=1, le=31_536_000)] | None = None
    """Seconds after which an unfinished run is ended and counts as failed (DeadlineExceeded)."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Pods that train together, each with TF_CONFIG for MultiWorkerMirroredStrategy; worker 0 is the chief, whose model counts."""
    schedule: (
        Annotated[str, Field(min_length=9, max_length=128, pattern=_CRON_PATTERN), AfterValidator(_is_cron)] | None
    ) = None
    """When to train again by itself: five fields of cron, in UTC ("0 3 * * *"). A time that comes while a run is under way is
    taken when that run is over; of several that were missed, the last."""
    suspend: bool = False
    """true holds the run: its pods are removed, or not made, until it is false again. It goes on from its last checkpoint."""
    run_id: RunId = "1"
    """Name of the run. Change it to train again with nothing else changed, as when the data are new."""

    rules = (
        Rule(
            cel="!(has(self.script) && has(self.command))",
            message="script and command exclude each other: keep one of them",
            check=lambda training: training.script is None or training.command is None,
        ),
        Rule(
            cel="has(self.script) || has(self.image)",
            message="one of script, image must be set: name a Python file to run, or an image that trains",
            check=lambda training: training.script is not None or training.image is not None,
        ),
        Rule(
            cel="!has(self.params) || self.params.all(name, name.matches('^[A-Za-z][A-Za-z0-9_]{0,62}$'))",
            message="params: a name must start with a letter and hold only letters, digits and _",
            check=None,
        ),
        Rule(
            cel="!has(self.env) || self.env.all(variable, !variable.name.startsWith('TFMODEL_'))",
            message="env: names that start with TFMODEL_ are set by the operator: use params, or another name",
            check=lambda training: not any(variable.name.startswith("TFMODEL_") for variable in training.env or []),
        ),
        Rule(
            cel="!has(self.env) || self.workers < 2 || self.env.all(variable, variable.name != 'TF_CONFIG')",
            message="env: TF_CONFIG is set by the operator when workers is above 1: leave it out",
            check=lambda training: (
                training.workers < 2 or not any(variable.name == "TF_CONFIG" for variable in training.env or [])
            ),
        ),
        Rule(
            cel=(
                "!has(self.inputs) || self.inputs.all(one, self.inputs.exists_one(two, two.mountPath == one.mountPath))"
            ),
            message="inputs: each mountPath may be used once: give every input its own",
            check=lambda training: (
                len({data.mount_path for data in training.inputs or []}) == len(training.inputs or [])
            ),
        ),
    )
