"""TensorFlow.js: a SavedModel converted to it, and asked by TensorFlow.js itself. Needs what only the image tfmodel-tfjs holds."""
