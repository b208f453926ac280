"""Bytes to arrays and back, a protocol each. What a request means is decided elsewhere."""
