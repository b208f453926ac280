"""The REST port: TensorFlow Serving's API, health, metrics."""
