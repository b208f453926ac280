"""The line that ends a test run: what passed, and of a fuzz run how much was sent."""

import subprocess
import sys
from pathlib import Path

import pytest

COUNT = Path(__file__).parents[3] / "hack" / "count.py"
REPORT = """<testsuites><testsuite tests="3" failures="1" errors="0" skipped="1">
<testcase name="a"><properties><property name="inputs" value="20"/></properties></testcase>
<testcase name="b"><properties><property name="inputs" value="5"/><property name="other" value="7"/></properties></testcase>
<testcase name="c"/></testsuite></testsuites>"""


@pytest.mark.parametrize(("flags", "more"), [([], ""), (["--inputs"], ", 50 random inputs")])
def test_it_adds_up_what_the_reports_tell(tmp_path: Path, flags: list[str], more: str) -> None:
    files = [tmp_path / "one.xml", tmp_path / "two.xml"]
    for file in files:
        file.write_text(REPORT)
    command = [sys.executable, str(COUNT), *flags, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == f"2 passed, 2 failed, 2 skipped{more}"
