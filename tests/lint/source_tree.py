"""The files of the project, as every lint sees them."""

import os
import pathlib
import re
import sys
from typing import Iterator, NamedTuple

# The folders of production code.
CODE = ("status", "crypto", "http", "jose", "cose", "pkcs11", "store", "audit", "policy", "tokenizer", "keysvc",
        "bench")
NOT_OURS = {".git", "build", "run", "__pycache__"}


class Finding(NamedTuple):
    path: pathlib.PurePosixPath
    line: int  # 0: the file as a whole
    what: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}" if self.line else f"{self.path}: {self.what}"


class Source(NamedTuple):
    path: pathlib.PurePosixPath  # relative to the root
    text: str

    def lines(self) -> Iterator[tuple[int, str]]:
        return enumerate(self.text.splitlines(), start=1)


def files(root: pathlib.Path) -> Iterator[Source]:
    """Every text file of the tree, ordered by path."""
    for folder, subfolders, names in os.walk(root):
        top = pathlib.Path(folder) == root
        subfolders[:] = sorted(
            name for name in subfolders
            if name != "__pycache__" and not (top and name in NOT_OURS))
        for name in sorted(names):
            path = pathlib.Path(folder, name)
            if name == ".git" or path.is_symlink():
                continue
            data = path.read_bytes()
            if b"\0" not in data:
                relative = pathlib.PurePosixPath(path.relative_to(root).as_posix())
                yield Source(relative, data.decode("utf-8", errors="replace"))


def cpp_files(root: pathlib.Path, *folders: str) -> Iterator[Source]:
    for source in files(root):
        if source.path.suffix in (".h", ".cc") and (not folders or source.path.parts[0] in folders):
            yield source


def without_comments(text: str) -> str:
    """C++ text with its comments blanked, lines kept."""
    pattern = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)

    def blank(match: re.Match) -> str:
        return match[0] if match[0].startswith('"') else re.sub(r"[^\n]", " ", match[0])

    return pattern.sub(blank, text)


def run(check) -> None:
    """Runs a lint's check(root) on the tree named on the command line; exits 1 on findings."""
    root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    findings = list(check(root))
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)
