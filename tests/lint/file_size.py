#!/usr/bin/env python3
"""Refuses production files that have grown past reading in one sitting."""

import pathlib
from typing import Iterator

import source_tree
from source_tree import Finding

LIMIT = 600


def check(root: pathlib.Path) -> Iterator[Finding]:
    for source in source_tree.cpp_files(root, *source_tree.CODE):
        lines = source.text.count("\n")
        if lines > LIMIT:
            yield Finding(source.path, 0, f"has {lines} lines; split it (limit {LIMIT})")


if __name__ == "__main__":
    source_tree.run(check)
