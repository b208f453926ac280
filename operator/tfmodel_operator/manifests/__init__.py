"""How the children of a TFModel look: a file an object, each a pure function to the JSON that is applied."""
