"""Several processes that serve as one: the same ports, one answer to whoever asks how it stands.

A supervisor imports everything, opens TensorFlow's library and forks (`supervisor.py`), so that they share that memory. Each process
has its own sockets on the same ports (SO_REUSEPORT), event loop, sessions. What each one tells (whether it is ready, which versions it
has, its metrics) stands in memory that all share (`board.py`), where the others read it without waiting (`siblings.py`). What follows
from it for all together is decided by pure functions: `agreement.py` for readiness and versions, `exposition.py` for metrics.
"""
