"""Several requests in one run of the model: how they are put together, taken apart, and when they run."""
