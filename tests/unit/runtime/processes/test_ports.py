"""Ports that several processes share."""

import socket

import pytest

from tfmodel_runtime.processes.ports import number_of, reserve
from tfmodel_runtime.sockets import listen


def test_a_reserved_port_is_listened_on_by_several_and_takes_no_connection_itself() -> None:
    with reserve("127.0.0.1", 0) as held:
        port = number_of(held)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), timeout=5)
        with listen("127.0.0.1", port, is_shared=True) as one, listen("127.0.0.1", port, is_shared=True) as other:
            for server in (one, other):
                server.setblocking(False)
            taken = {}
            for _ in range(100):
                with socket.create_connection(("127.0.0.1", port), timeout=5):
                    for server in (one, other):
                        try:
                            server.accept()[0].close()
                            taken[server] = True
                        except BlockingIOError:
                            continue
            assert len(taken) == 2


def test_a_port_that_another_server_shares_is_taken() -> None:
    with listen("127.0.0.1", 0, is_shared=True) as other, pytest.raises(OSError, match="in use"):
        reserve("127.0.0.1", number_of(other))


def test_a_port_can_be_named() -> None:
    with reserve("127.0.0.1", 0) as held:
        port = number_of(held)
    with reserve("127.0.0.1", port) as again:
        assert number_of(again) == port


def test_both_families_share_one_port() -> None:
    with reserve("::", 0) as held, listen("::", number_of(held), is_shared=True):
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, number_of(held)), timeout=5).close()
