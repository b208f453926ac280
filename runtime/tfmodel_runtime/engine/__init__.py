"""A SavedModel as a callable. The only code that touches TensorFlow, and that through its C API."""
