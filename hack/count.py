"""Prints how many tests passed, failed and were skipped in JUnit files of pytest, as one line; exits with 1 if none ran."""

import sys
from xml.etree import ElementTree as ET


def main(files: list[str]) -> int:
    """Counts the test cases of all files."""
    suites = [suite for file in files for suite in ET.parse(file).iter("testsuite")]

    def total(*names: str) -> int:
        return sum(int(suite.get(name, 0)) for suite in suites for name in names)

    failed, skipped = total("failures", "errors"), total("skipped")
    print(f"{total('tests') - failed - skipped} passed, {failed} failed, {skipped} skipped")
    return 0 if total("tests") else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
