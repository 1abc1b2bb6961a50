#!/usr/bin/env python3
"""Checks (or with --fix repairs) the layout of every C++ file with clang-format."""

import pathlib
import re
import shutil
import subprocess
import sys

import source_tree

# Each version lays out some code differently; this is the one of Debian 12.
VERSION = "14"
SKIPPED = 77


def clang_format() -> str | None:
    for name in (f"clang-format-{VERSION}", "clang-format"):
        if path := shutil.which(name):
            said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
            if re.search(rf"version {VERSION}\.", said.stdout):
                return path
    return None


def main(root: pathlib.Path, fix: bool) -> int:
    tool = clang_format()
    if tool is None:
        print(f"clang-format {VERSION} is not installed: the layout is not checked")
        return SKIPPED
    paths = [str(root / source.path) for source in source_tree.cpp_files(root)]
    mode = ["-i"] if fix else ["--dry-run", "--Werror"]
    return subprocess.run([tool, "--style=file", *mode, *paths], check=False).returncode


if __name__ == "__main__":
    arguments = [argument for argument in sys.argv[1:] if argument != "--fix"]
    sys.exit(main(pathlib.Path(arguments[0]).resolve(), "--fix" in sys.argv))
