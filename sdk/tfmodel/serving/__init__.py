"""What a custom inference service is written against: a class that changes what goes into the model and what comes out."""

from tfmodel.serving.base import HandlerError, TfServingBaseService

__all__ = ["HandlerError", "TfServingBaseService"]
