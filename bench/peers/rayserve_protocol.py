"""The Open Inference Protocol's service for Ray Serve's gRPC proxy, which imports this by its name."""

import sys

from tritonclient.grpc import service_pb2, service_pb2_grpc

# Ray pickles messages by the name that their module had when it was made from the protocol, under which nothing is installed.
sys.modules.setdefault("grpc_service_pb2", service_pb2)

add_servicer = service_pb2_grpc.add_GRPCInferenceServiceServicer_to_server
