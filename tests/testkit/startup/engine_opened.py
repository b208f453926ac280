"""To be preloaded by a server that forks: the engine's library open, as a runtime with several processes has it when it forks."""

from tfmodel_runtime.engine import capi

capi.library()
