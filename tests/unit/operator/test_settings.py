"""The operator's flags: the command line before the environment, and nothing silently ignored."""

import pytest

from tfmodel_operator.settings import parse


def test_the_command_line_goes_before_the_environment() -> None:
    environment = {"TFMODEL_OPERATOR_RUNTIME_IMAGE": "from-environment", "TFMODEL_OPERATOR_METRICS_PORT": "9090"}
    found = parse(["--runtime-image=from-flag"], environment)
    assert (found.runtime_image, found.metrics_port) == ("from-flag", 9090)


def test_namespaces_add_up_and_none_means_all() -> None:
    assert parse([], {}).namespace == ()
    assert parse(["--namespace=a", "--namespace=b", "--namespace=a"], {}).namespace == ("a", "b")
    assert parse(["--namespace=c"], {"TFMODEL_OPERATOR_NAMESPACE": "a,b"}).namespace == ("a", "b", "c")


def test_the_pod_is_the_replicas_name() -> None:
    assert parse([], {"POD_NAME": "operator-x"}).identity == "operator-x"


@pytest.mark.parametrize(
    "argument", ["--runtime-imag=x", "--no-such", "--image-pull-policy=Sometimes", "--metrics-port=web", "extra"]
)
def test_a_flag_that_is_unknown_or_wrong_ends_the_process_with_a_sentence(
    argument: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse([argument], {})
    assert ended.value.code == 2
    assert argument.split("=", maxsplit=1)[0].removeprefix("--") in capsys.readouterr().err
