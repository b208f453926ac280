"""What should exist and what is said of it: a pure function of the TFModel, what was seen of its children, and the time."""
