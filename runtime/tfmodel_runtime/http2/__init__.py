"""HTTP/2 (RFC 9113) as a gRPC server needs it, on asyncio: frames, HPACK, flow control, bounds on what a client may take."""
