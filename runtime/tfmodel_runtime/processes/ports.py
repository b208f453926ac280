"""The ports that several processes share: chosen once, and held until the server ends."""

import socket

from tfmodel_runtime.sockets import bound, listen


def reserve(address: str, port: int) -> socket.socket:
    """A socket that holds a port for processes that listen on it, and takes no connection itself; port 0 lets the system choose.

    Raises:
        OSError: the address cannot be bound, or somebody else listens there, be it with SO_REUSEPORT.
    """
    if port:
        listen(address, port).close()
    return bound(address, port)


def number_of(one: socket.socket) -> int:
    """The port of a socket."""
    return int(one.getsockname()[1])
