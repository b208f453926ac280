"""What a URI names, and how it is shown: a query may be a signature, which is a secret."""

from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

_OBJECTS = ("s3", "gs", "az")


@dataclass(frozen=True, slots=True)
class Location:
    """A place that something is fetched from."""

    scheme: str
    host: str
    """Host of a web server, with its port; name of a bucket or container."""
    path: str
    """Path on it, without a slash in front."""

    @property
    def name(self) -> str:
        """The last part of the path, by which a file is called."""
        return self.path.rstrip("/").rsplit("/", 1)[-1] or self.host

    @property
    def is_object(self) -> bool:
        """Whether it lies in an object store."""
        return self.scheme in _OBJECTS


def parse(uri: str) -> Location:
    """The location that a URI names."""
    scheme, _, rest = uri.partition("://")
    if scheme in _OBJECTS:
        bucket, _, path = rest.partition("/")
        return Location(scheme, bucket, path)
    parts = urlsplit(uri)
    return Location(parts.scheme, parts.netloc.rpartition("@")[2], unquote(parts.path.lstrip("/")))


def shown(uri: str) -> str:
    """The URI without its query and without a password in it, for messages and logs."""
    scheme, _, rest = uri.partition("://")
    if scheme in _OBJECTS:
        return uri
    rest = rest.split("#", 1)[0].split("?", 1)[0]
    host, slash, path = rest.partition("/")
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
