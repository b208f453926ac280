"""The runtime: serves SavedModels over REST and gRPC as TensorFlow Serving's clients expect it."""
