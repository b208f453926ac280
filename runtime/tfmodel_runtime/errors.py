"""Causes of failures: what went wrong, as fields. Words are made where they are shown, status codes in `statuses`.

RuntimeFault
├── ModelNotFoundError       no such model, or no such version of it is loaded
│   └── NoVersionsError      the same, as status tells it
├── LabelNotFoundError       no such version label
├── SignatureNotFoundError   the SavedModel has no such signature
├── InvalidInputError        a request that does not fit the signature, or is no request at all
├── UnimplementedError       asked for what this server cannot do
├── NotReadyError            draining, or nothing is loaded yet
├── OverloadedError          more requests wait than are allowed to
├── TimedOutError            a deadline has passed
├── HandlerFault            the user's handler refused a request, or failed
├── ExecutionError           an op of the model failed, with TensorFlow's own code
└── LoadError                a version cannot be loaded
"""


class RuntimeFault(Exception):  # noqa: N818 - the root of causes, each of which is named an error
    """Something that a caller is told of."""


class ModelNotFoundError(RuntimeFault):
    """No such model, or no such version of it is loaded. `version` is None when any would do, a text if it is no number."""

    def __init__(self, name: str, version: int | str | None = None) -> None:
        super().__init__(f"Servable not found for request: {_asked(name, version)}")
        self.name = name
        self.version = version


def _asked(name: str, version: int | str | None) -> str:
    return f"Latest({name})" if version is None else f"Specific({name}, {version})"


class NoVersionsError(ModelNotFoundError):
    """Nothing is known of a model, or of a version of it; what status says (get_model_status_impl.cc)."""

    def __str__(self) -> str:
        if self.version is None:
            return f"Could not find any versions of model {self.name}"
        return f"Could not find version {self.version} of model {self.name}"


class LabelNotFoundError(RuntimeFault):
    """No version has that label."""

    def __init__(self, label: str) -> None:
        super().__init__(f"Unrecognized servable version label: {label}")
        self.label = label


class SignatureNotFoundError(RuntimeFault):
    """The SavedModel has no such signature."""

    def __init__(self, name: str) -> None:
        super().__init__(f'Serving signature key "{name}" not found.')
        self.name = name


class InvalidInputError(RuntimeFault):
    """A request that does not fit the signature, or is no request at all; the text says which field and why."""


class UnimplementedError(RuntimeFault):
    """Asked for what this server cannot do."""


class NotReadyError(RuntimeFault):
    """The server drains, or nothing is loaded yet."""


class OverloadedError(RuntimeFault):
    """More requests wait than are allowed to."""


class TimedOutError(RuntimeFault):
    """A deadline has passed."""


class HandlerFault(RuntimeFault):
    """The user's handler refused a request, or failed. `status` is the HTTP status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class ExecutionError(RuntimeFault):
    """An op of the model failed. `code` is TensorFlow's, which is gRPC's canonical one."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class LoadError(RuntimeFault):
    """A version cannot be loaded."""

    def __init__(self, path: str, message: str, code: int = 2) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path
        self.message = message
        self.code = code
