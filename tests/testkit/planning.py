"""Plans for TFModels, from what tests say is seen."""

from testkit.world import NOW, RELEASE, a_deployment, a_finished_run, a_runtime_pod, answers
from tfmodel.api.v1alpha1 import TFModel
from tfmodel_operator.plan import plan
from tfmodel_operator.values import Observation, Plan


def planned(model: TFModel, **seen: object) -> Plan:
    """The plan for a model of which this is seen."""
    return plan(model, Observation(**seen), NOW, RELEASE)  # type: ignore[arg-type]


def kinds(made: Plan) -> list[str]:
    """Kinds of the objects that a plan applies."""
    return [str(one.manifest["kind"]) for one in made.apply]


def served(model: TFModel) -> Observation:
    """Everything in place: the run is over, version 1 is served."""
    finished, pod = a_finished_run(model)
    return Observation(
        jobs=(finished,),
        pods=(pod, a_runtime_pod(model)),
        deployment=a_deployment(model),
        served={"iris-0": answers(v1="AVAILABLE")},
    )


def after(model: TFModel, made: Plan) -> TFModel:
    """The model with the status that a plan gave it."""
    return model.model_copy(update={"status": made.status})
