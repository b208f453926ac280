"""Prints how many tests passed, failed and were skipped in JUnit files of pytest, as one line; exits with 1 if none ran.

With --inputs first it prints how many random inputs they sent too.
"""

import sys
from xml.etree import ElementTree as ET


def main(arguments: list[str]) -> int:
    """Counts the test cases of all files."""
    files = [one for one in arguments if one != "--inputs"]
    suites = [suite for file in files for suite in ET.parse(file).iter("testsuite")]

    def total(*names: str) -> int:
        return sum(int(suite.get(name, 0)) for suite in suites for name in names)

    failed, skipped = total("failures", "errors"), total("skipped")
    told = f"{total('tests') - failed - skipped} passed, {failed} failed, {skipped} skipped"
    print(f"{told}, {inputs_of(suites)} random inputs" if "--inputs" in arguments else told)
    return 0 if total("tests") else 1


def inputs_of(suites: list[ET.Element]) -> int:
    """What the tests recorded of what they sent."""
    properties = [found for suite in suites for found in suite.iter("property")]
    return sum(int(found.get("value", 0)) for found in properties if found.get("name") == "inputs")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
