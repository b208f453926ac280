"""Bringing a model from where it is: `step.py` is the whole of it; `web.py` and `objects.py` are the edges, the rest is pure."""
