"""SavedModels under a tag of their own, as SavedModelBuilder writes them, made to serve under the tag that servers ask for.

The runtime, like TensorFlow Serving, loads the meta graph with the one tag `serve`.
"""

from collections.abc import Collection
from pathlib import Path

from google.protobuf.message import DecodeError

from tfmodel.api.reasons import FailureReason
from tfmodel.wire import messages
from tfmodel_trainer.errors import ExportError

SERVE = "serve"
_FILE = "saved_model.pb"


def served(saved_model: Path, workspace: Path, wanted: Collection[str] = ()) -> Path:
    """The folder itself if it has a meta graph to serve, else one in `workspace` whose only meta graph is served.

    `wanted` are the tags of the graph to serve, if it is not the one that servers ask for, or the only one.

    Raises:
        ExportError: none of several meta graphs has the tag, or none has those that are wanted.
    """
    try:
        found = messages.SavedModel.FromString((saved_model / _FILE).read_bytes())
    except (DecodeError, FileNotFoundError):
        return saved_model  # told by the checks that follow, or of the form saved_model.pbtxt
    tags = [sorted(graph.meta_info_def.tags) for graph in found.meta_graphs]
    if not tags or ((sorted(wanted) or [SERVE]) == [SERVE] and [SERVE] in tags):
        return saved_model
    if wanted:
        graph = found.meta_graphs[_index_of(tags, wanted)]
        del found.meta_graphs[:]
        found.meta_graphs.append(graph)
    elif len(tags) > 1:
        listed = ", ".join("+".join(one) or "no tag" for one in tags)
        raise ExportError(
            FailureReason.AMBIGUOUS_EXPORT,
            f"the SavedModel has {len(tags)} graphs, tagged {listed}, and none is tagged {SERVE}",
            f"give the one to serve the tag {SERVE}, or name its tags in source.tags",
        )
    del found.meta_graphs[0].meta_info_def.tags[:]
    found.meta_graphs[0].meta_info_def.tags.append(SERVE)
    return with_graph(saved_model, found.SerializeToString(), workspace / "tagged")


def _index_of(tags: list[list[str]], wanted: Collection[str]) -> int:
    if sorted(wanted) in tags:
        return tags.index(sorted(wanted))
    listed = ", ".join("+".join(one) or "no tag" for one in tags)
    raise ExportError(
        FailureReason.BAD_SAVED_MODEL,
        f"the SavedModel has no graph tagged {'+'.join(sorted(wanted))}; it has {listed}",
        "correct source.tags: all tags of one graph",
    )


def with_graph(saved_model: Path, content: bytes, target: Path) -> Path:
    """The model with other graphs; everything else is linked, since variables may be large."""
    target.mkdir()
    for child in saved_model.iterdir():
        if child.name != _FILE:
            (target / child.name).symlink_to(child.resolve())
    (target / _FILE).write_bytes(content)
    return target
