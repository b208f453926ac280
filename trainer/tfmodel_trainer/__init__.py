"""The export step of a run: what the training left becomes a checked, published version."""
