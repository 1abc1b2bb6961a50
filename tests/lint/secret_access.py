#!/usr/bin/env python3
"""Lists the files that may read secrets. Everything else goes through them."""

import pathlib
from typing import Iterator

import source_tree
from source_tree import Finding

READERS = {
    "crypto/secret_access.h",
    "store/connection.cc",
    "store/sqlcipher_store.cc",
}


def check(root: pathlib.Path) -> Iterator[Finding]:
    reading = set()
    for source in source_tree.cpp_files(root, *source_tree.CODE):
        code = source_tree.without_comments(source.text)
        for number, line in enumerate(code.splitlines(), start=1):
            if "kGranted" not in line:
                continue
            reading.add(str(source.path))
            if str(source.path) not in READERS:
                yield Finding(source.path, number, "reads a secret but is not listed as a reader")
    for path in sorted(READERS - reading):
        yield Finding(pathlib.PurePosixPath(path), 0, "is listed as a reader but reads no secret")


if __name__ == "__main__":
    source_tree.run(check)
