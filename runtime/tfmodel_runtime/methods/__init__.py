"""What TensorFlow Serving's methods mean: which tensors a request feeds and fetches, and what its answer is made of."""
