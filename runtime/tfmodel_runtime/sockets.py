"""Sockets of ports, bound or listening."""

import socket

_BACKLOG = 2048


def listen(address: str, port: int, *, is_shared: bool = False) -> socket.socket:
    """A listening socket; `::` takes IPv4 too. One that is shared lets other processes listen on the port as well.

    Raises:
        OSError: the address cannot be bound.
    """
    return socket.create_server(
        (address, port),
        family=_family(address),
        backlog=_BACKLOG,
        reuse_port=is_shared,
        dualstack_ipv6=address == "::",
    )


def bound(address: str, port: int) -> socket.socket:
    """A socket that is bound to a port that others share, and does not listen: no connection comes to it.

    Raises:
        OSError: the address cannot be bound.
    """
    made = socket.socket(_family(address), socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if made.family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address != "::"))
        made.bind((address, port))
    except OSError:
        made.close()
        raise
    return made


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET
