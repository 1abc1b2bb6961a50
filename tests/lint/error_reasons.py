#!/usr/bin/env python3
"""docs/errors.md lists exactly the reasons of status/reason.cc, with their codes."""

import pathlib
import re
from typing import Iterator

import source_tree
from source_tree import Finding

TABLE = pathlib.PurePosixPath("status/reason.cc")
PAGE = pathlib.PurePosixPath("docs/errors.md")
ENTRY = re.compile(r'\{Reason::k\w+,\s*"(\w+)",\s*k(\w+),\s*(true|false)\}')
ROW = re.compile(r"^\| `(\w+)` \| `(\w+)` \| (yes|no) \| (.*?) \|$")


def upper_snake(camel: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", camel).upper()


def check(root: pathlib.Path) -> Iterator[Finding]:
    table = {name: (upper_snake(code), "yes" if retryable == "true" else "no")
             for name, code, retryable in ENTRY.findall((root / TABLE).read_text(encoding="utf-8"))}
    if not table:
        yield Finding(TABLE, 0, "no reasons found")
    page = {}
    for number, line in enumerate((root / PAGE).read_text(encoding="utf-8").splitlines(), start=1):
        if not (match := ROW.match(line)):
            continue
        name, code, retryable, meaning = match.groups()
        if name in page:
            yield Finding(PAGE, number, f"{name} is listed twice")
        page[name] = (code, retryable)
        if len(meaning.split()) < 3:
            yield Finding(PAGE, number, f"{name} has no meaning")
        if name not in table:
            yield Finding(PAGE, number, f"{name} is no reason")
        elif page[name] != table[name]:
            yield Finding(PAGE, number, f"{name} is {table[name][0]}, retry {table[name][1]}")
    for name in table.keys() - page.keys():
        yield Finding(PAGE, 0, f"{name} is missing")


if __name__ == "__main__":
    source_tree.run(check)
