"""The house's own rules: what no linter knows."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAMS = ("sdk", "operator", "runtime", "trainer", "cli")
LONGEST_FILE, LONGEST_FUNCTION = 400, 50


def tracked(pattern: str = "*") -> list[Path]:
    done = subprocess.run(
        ["git", "ls-files", "-z", pattern], cwd=REPOSITORY, capture_output=True, check=True, text=True
    )
    return [REPOSITORY / name for name in done.stdout.split("\0") if name and (REPOSITORY / name).is_file()]


def sources() -> list[Path]:
    return [path for path in tracked("*.py") if path.relative_to(REPOSITORY).parts[0] in (*PROGRAMS, "tests", "hack")]


def test_no_folder_shadows_a_module_of_pythons() -> None:
    for program in PROGRAMS:
        assert not (REPOSITORY / program / "__init__.py").exists()
    inits = {path.parent.name for path in (REPOSITORY / "tests").rglob("__init__.py")}
    assert inits <= {"testkit"}


def test_files_and_functions_are_short() -> None:
    long = []
    for path in sources():
        text = path.read_text()
        if text.count("\n") > LONGEST_FILE and "tests" not in path.parts:
            long.append(str(path))
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno
                long += [f"{path}:{node.name}"] if lines > LONGEST_FUNCTION else []
    assert long == []


def test_every_module_tells_what_it_is() -> None:
    untold = [
        str(path)
        for path in sources()
        if path.read_text().strip() and not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert untold == []


def test_no_machines_path_and_no_registrys_host_stands_anywhere() -> None:
    host = re.compile(r"https?://(files|proxy|registry|index|deb|security|repo1?|pypi)\.")
    path = re.compile(r"(^|[^A-Za-z0-9_.])/(work|root|home)/\w")
    found = []
    for file in tracked():
        if file.suffix in (".bin", ".gz", ".npz", ".png", ".sum") or file == Path(__file__):
            continue
        text = file.read_text()
        found += [f"{file}: {match.group()}" for pattern in (host, path) for match in pattern.finditer(text)]
    assert found == []


@pytest.mark.parametrize("name", [path.name for path in sorted((REPOSITORY / "requirements").glob("*.txt"))])
def test_requirements_are_pinned_with_hashes_and_without_addresses(name: str) -> None:
    text = (REPOSITORY / "requirements" / name).read_text()
    assert "://" not in text
    assert "--hash=sha256:" in text


def test_the_operators_requirements_hold_no_tensorflow_and_the_runtimes_no_kopf() -> None:
    folder = REPOSITORY / "requirements"
    assert not re.search(r"^(tensorflow|numpy|kubernetes)", (folder / "operator.txt").read_text(), re.MULTILINE)
    assert not re.search(r"^(kopf|kubernetes)", (folder / "runtime.txt").read_text(), re.MULTILINE)


def test_every_reason_that_is_raised_in_words_is_in_the_list() -> None:
    from tfmodel.api.reasons import ConditionReason, FailureReason

    page = (REPOSITORY / "docs" / "reference" / "reasons.md").read_text()
    for reason in (*FailureReason, *ConditionReason):
        assert f"`{reason}`" in page
