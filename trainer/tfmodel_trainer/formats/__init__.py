"""Other formats beside the SavedModel: one module each, with `write` and `answers`; `stage.py` calls them and holds them to the model."""
