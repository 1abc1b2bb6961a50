#!/usr/bin/env python3
"""Only the journal writes to the store, so that no change can be made without its record."""

import pathlib
import re
from typing import Iterator

import source_tree
from source_tree import Finding

# The store itself, and the journal that owns its one writer.
WRITERS = ("store", "audit")
WRITE = re.compile(r"\bWriteTransaction\b|(?:->|\.)\s*(?:Begin|Reopen)\s*\(\s*\)")


def check(root: pathlib.Path) -> Iterator[Finding]:
    for source in source_tree.cpp_files(root, *source_tree.CODE):
        if source.path.parts[0] in WRITERS:
            continue
        code = source_tree.without_comments(source.text)
        for number, line in enumerate(code.splitlines(), start=1):
            if WRITE.search(line):
                yield Finding(source.path, number, "writes to the store without the journal")


if __name__ == "__main__":
    source_tree.run(check)
