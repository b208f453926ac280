"""Custom inference: a user's class between the request and the model, and between the model and the answer."""
