"""TensorFlow Serving's messages and TensorFlow's data types, without TensorFlow."""
