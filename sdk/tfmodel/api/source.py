"""`spec.source`: a model that exists already, and from where it is fetched."""

from typing import Annotated, Literal

from pydantic import Field

from tfmodel.api.kubernetes import LocalReference
from tfmodel.api.schema import ATOMIC, ApiValue, Rule
from tfmodel.api.training import ConfigMapKey, RunId

_CLAIM = r"pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?(/[^/]+)*/?"
_OBJECTS = r"(s3|gs|az)://[A-Za-z0-9][-A-Za-z0-9._]*(/[^?#]*)?"
_WEB = r"https?://[^/\s?#]+/[^\s#]+"
TensorNames = Annotated[
    dict[
        Annotated[str, Field(max_length=256)],
        Annotated[str, Field(min_length=1, max_length=512, pattern=r"^[A-Za-z0-9.][-A-Za-z0-9_.\\/>]*(:[0-9]+)?$")],
    ],
    Field(min_length=1, max_length=64),
]


class Source(ApiValue):
    """A model that exists already: it is fetched, converted, checked and published like a trained one.

    A change of anything here imports again, and a successful import becomes a new version.
    """

    uri: Annotated[str, Field(max_length=1024, pattern=f"^({_CLAIM}|{_OBJECTS}|{_WEB})$")]
    """Where the model is: pvc://<claim>/<path> on a PersistentVolumeClaim of the TFModel's namespace, s3://<bucket>/<path>,
    gs://<bucket>/<path>, az://<container>/<path>, or https://<host>/<file>. A file, a folder (not over https), or an archive
    (.tar, .tar.gz, .tgz, .zip; not on a claim), which is unpacked."""
    format: Literal["Auto", "SavedModel", "Keras", "HDF5", "FrozenGraph", "Checkpoint"] = "Auto"
    """What the model is. Auto looks. With another value, what else lies there does not count."""
    secret_ref: LocalReference | None = None
    """Secret with credentials, as environment variables of the one container that fetches: AWS_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_REGION, AWS_ENDPOINT_URL; GOOGLE_SERVICE_ACCOUNT_KEY;
    AZURE_STORAGE_ACCOUNT_NAME, AZURE_STORAGE_ACCOUNT_KEY, AZURE_STORAGE_SAS_TOKEN; HTTP_BEARER_TOKEN, or HTTP_USERNAME and
    HTTP_PASSWORD."""
    ca_bundle_ref: ConfigMapKey | None = None
    """Certificates (PEM) to trust beside the usual ones, as of a store inside the company."""
    sha256: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]{64}$")] | None = None
    """Digest of the file or archive that is fetched; another one is refused."""
    tags: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=128)]],
            Field(min_length=1, max_length=8, json_schema_extra=ATOMIC),
        ]
        | None
    ) = None
    """Tags of the SavedModel's graph to serve. Default: the graph tagged serve, or the only one."""
    inputs: TensorNames | None = None
    """Inputs of a FrozenGraph or Checkpoint: names that clients use, and the tensors that they feed, as image: "x:0"."""
    outputs: TensorNames | None = None
    """Outputs of a FrozenGraph or Checkpoint: names that clients get, and the tensors behind them, as scores: "y:0"."""
    run_id: RunId = "1"
    """Name of the import. Change it to import again when the files behind the same uri are new."""

    rules = (
        Rule(
            cel="!self.uri.split('/').exists(part, part == '..')",
            message="uri must not contain '..': name a path inside the volume",
            check=lambda source: ".." not in source.uri.split("/"),
        ),
        Rule(
            cel="!self.uri.matches('^https?://[^/]*@')",
            message="uri must not hold a password: put it into a Secret and name that in secretRef",
            check=lambda source: not (source.is_web and "@" in source.uri.split("/")[2]),
        ),
        Rule(
            cel="!self.uri.startsWith('http://') || (has(self.sha256) && !has(self.secretRef))",
            message="uri: http:// needs sha256 and no secretRef, since anyone on the way may read and change it: use https://",
            check=lambda source: (
                not source.uri.startswith("http://") or (source.sha256 is not None and source.secret_ref is None)
            ),
        ),
        Rule(
            cel="!self.uri.startsWith('pvc://') || !(has(self.secretRef) || has(self.caBundleRef) || has(self.sha256))",
            message="secretRef, caBundleRef and sha256 are for what is fetched: leave them out with pvc://",
            check=lambda source: (
                source.is_fetched
                or (source.secret_ref is None and source.ca_bundle_ref is None and source.sha256 is None)
            ),
        ),
        Rule(
            cel="has(self.inputs) == has(self.outputs)",
            message="inputs and outputs go together: name the tensors of both",
            check=lambda source: (source.inputs is None) == (source.outputs is None),
        ),
        Rule(
            cel="self.format == 'Auto' || (self.format in ['FrozenGraph', 'Checkpoint']) == has(self.inputs)",
            message="inputs and outputs must be set for FrozenGraph and Checkpoint, and for no other format: name tensors, or change format",
            check=lambda source: (
                source.format == "Auto"
                or (source.format in ("FrozenGraph", "Checkpoint")) == (source.inputs is not None)
            ),
        ),
        Rule(
            cel="!has(self.tags) || self.format in ['Auto', 'SavedModel']",
            message="tags belong to a SavedModel: leave them out with another format",
            check=lambda source: source.tags is None or source.format in ("Auto", "SavedModel"),
        ),
    )

    @property
    def is_web(self) -> bool:
        """Whether it is fetched from a web server."""
        return self.uri.startswith(("https://", "http://"))

    @property
    def is_fetched(self) -> bool:
        """Whether it must be brought into the pod first; a claim is mounted."""
        return not self.uri.startswith("pvc://")

    @property
    def claim_name(self) -> str:
        """Name of the PersistentVolumeClaim."""
        return self.uri.removeprefix("pvc://").split("/")[0]

    @property
    def path(self) -> str:
        """Path inside the volume, relative to its root; empty for the root itself."""
        return "/".join(part for part in self.uri.removeprefix("pvc://").split("/")[1:] if part)
