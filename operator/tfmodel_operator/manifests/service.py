"""The Service in front of the runtime pods, named like the TFModel."""

from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.metadata import SERVING, Json, metadata, selector


def service(model: TFModel) -> Json:
    """The Service: REST with metrics, and gRPC."""
    wanted = model.spec.serving.service
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(model, model.name, SERVING, annotations=wanted.annotations),
        "spec": {
            "type": wanted.type,
            "selector": selector(model, SERVING),
            "ports": [
                {"name": "rest", "port": wanted.rest_port, "targetPort": "rest", "appProtocol": "http"},
                {"name": "grpc", "port": wanted.grpc_port, "targetPort": "grpc", "appProtocol": "kubernetes.io/h2c"},
            ],
        },
    }
