"""Serving side by side: the same models, requests and clients against this runtime and against what else a user would pick."""
