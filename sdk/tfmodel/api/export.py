"""`spec.export`: what a version is beside the SavedModel that serves: other formats, and names for unnamed features."""

from typing import Annotated, Literal

from pydantic import Field

from tfmodel.api.schema import ATOMIC, DNS_LABEL, ApiValue, Rule, once

Format = Literal["TFLite", "TFJS", "ONNX", "Keras", "HDF5", "FrozenGraph"]
Quantization = Literal["None", "DynamicRange", "Float16", "Int8"]
FEATURE_NAME = r"^[A-Za-z_][A-Za-z0-9_.-]*$"


class TFLite(ApiValue):
    """How the TFLite file is made."""

    quantization: Quantization = "None"
    """Numbers of the weights. None: as in the model. DynamicRange: int8 weights. Float16: half the size. Int8: int8 weights and
    activations, float inputs and outputs; how wide the activations are is learned from representative data."""
    representative_input: Annotated[str, Field(min_length=1, max_length=40, pattern=DNS_LABEL)] | None = None
    """Input of training.inputs with the rows for Int8, as clients send them: .npy, .npz, .csv, idx(.gz) or .tfrecord files.
    Default: the rows of validation.smokeRequest."""

    rules = (
        Rule(
            cel="!has(self.representativeInput) || self.quantization == 'Int8'",
            message="representativeInput is for quantization Int8: leave it out, or quantize to Int8",
            check=lambda tflite: tflite.representative_input is None or tflite.quantization == "Int8",
        ),
    )


class Export(ApiValue):
    """What a version is beside the SavedModel that serves. A change counts from the next run on."""

    formats: (
        Annotated[list[Format], Field(max_length=6, json_schema_extra={"x-kubernetes-list-type": "set"}), once()] | None
    ) = None
    """Formats to write beside the SavedModel, into assets.extra/exports of the version. Each is made of validation.signature, and
    must answer like the SavedModel, but for what quantization changes. Keras and HDF5 need a .keras or .h5 file to begin with."""
    tflite: TFLite | None = None
    """How the TFLite file is made."""
    feature_names: (
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=63, pattern=FEATURE_NAME)]],
            Field(min_length=2, max_length=256, json_schema_extra=ATOMIC),
            once(),
        ]
        | None
    ) = None
    """Names for the features of a signature that takes one unnamed row of numbers, in the order of the training. The signature
    then has an input for each, and clients may send them in any order; the row is still taken by <signature>_by_position."""

    rules = (
        Rule(
            cel="!has(self.tflite) || (has(self.formats) && 'TFLite' in self.formats)",
            message="tflite needs TFLite among formats: add it there, or leave tflite out",
            check=lambda export: export.tflite is None or "TFLite" in (export.formats or ()),
        ),
        Rule(
            cel="!has(self.featureNames) || self.featureNames.all(one, self.featureNames.exists_one(two, two == one))",
            message="featureNames must differ from each other: name each feature once",
            check=None,
        ),
    )

    @property
    def quantization(self) -> Quantization:
        """Of the TFLite file."""
        return self.tflite.quantization if self.tflite else "None"
