"""Versions on disk: where they are, what belongs to one, when it is complete, how it gets there and when it goes."""
