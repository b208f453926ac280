"""How a connection begins: what the server tells of itself, and what it tells who speaks HTTP/1.1 (RFC 9113, section 3.4)."""

import re

from tfmodel_runtime.http2 import frames
from tfmodel_runtime.http2.frames import Setting
from tfmodel_runtime.http2.limits import Limits

_HTTP2_ONLY = b"this port speaks gRPC, which needs HTTP/2: REST has a port of its own\n"
NO_HTTP1 = (
    b"HTTP/1.1 505 HTTP Version Not Supported\r\ncontent-type: text/plain\r\nconnection: close\r\n"
    b"content-length: %d\r\n\r\n%b" % (len(_HTTP2_ONLY), _HTTP2_ONLY)
)
_HTTP1_REQUEST = re.compile(rb"[A-Z]+ [^ ]+ HTTP/1").match


def is_of_http1(data: bytes) -> bool:
    """Whether these are the first bytes of a request of HTTP/1."""
    return _HTTP1_REQUEST(data) is not None


def greeting(limits: Limits) -> bytes:
    """The server's SETTINGS, and the connection's window."""
    told = {
        Setting.MAX_CONCURRENT_STREAMS: limits.streams,
        Setting.INITIAL_WINDOW_SIZE: limits.stream_window,
        Setting.MAX_FRAME_SIZE: limits.frame_bytes,
        Setting.MAX_HEADER_LIST_SIZE: limits.header_list_bytes,
    }
    more = limits.connection_window - frames.DEFAULT_WINDOW
    return frames.settings(told) + frames.window_update(frames.NO_STREAM, more)
