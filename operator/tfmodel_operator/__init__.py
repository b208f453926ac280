"""The operator: watches TFModels and makes what they ask for. A pure plan with a rim that talks to Kubernetes."""
