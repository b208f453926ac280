"""The Service in front of the runtime pods, named like the TFModel."""

from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.manifests.metadata import SERVING, Json, metadata, selector


def service(model: TFModel) -> Json:
    """The Service: REST and gRPC."""
    wanted = model.spec.serving.service
    is_secure = model.spec.serving.tls is not None
    rest, grpc = ("https", "https") if is_secure else ("http", "kubernetes.io/h2c")
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata(model, model.name, SERVING, annotations=wanted.annotations),
        "spec": {
            "type": wanted.type,
            "selector": selector(model, SERVING),
            "ports": [
                {"name": "rest", "port": wanted.rest_port, "targetPort": "rest", "appProtocol": rest},
                {"name": "grpc", "port": wanted.grpc_port, "targetPort": "grpc", "appProtocol": grpc},
            ],
        },
    }
