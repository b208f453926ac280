"""Where a model runs: light calls in the event loop, others in a thread a core; requests that come together share a call."""
