"""Models and versions in TensorFlow Serving's words: source, aspired version, loader, manager, handle."""
