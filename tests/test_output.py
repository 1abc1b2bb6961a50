"""Reads a JUnit report that ctest wrote.

    test_output.py REPORT         the names of the tests that failed, one a line
    test_output.py REPORT NAME    the last lines that the test NAME printed
"""

import sys
import xml.etree.ElementTree

LINES = 60


def main(report: str, name: str | None = None) -> None:
    for case in xml.etree.ElementTree.parse(report).getroot().iter("testcase"):
        if name is None and case.get("status") == "fail":
            print(case.get("name"))
        elif name is not None and case.get("name") == name:
            print("\n".join((case.findtext("system-out") or "").splitlines()[-LINES:]))


if __name__ == "__main__":
    main(*sys.argv[1:])
