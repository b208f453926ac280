"""The TFModel resource as typed values, and the CustomResourceDefinition made from them."""
