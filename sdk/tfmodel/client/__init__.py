"""Clients of a served model, over REST and gRPC: NumPy in, NumPy out, no TensorFlow."""
