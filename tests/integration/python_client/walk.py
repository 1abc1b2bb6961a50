"""Documents whose commands are typed in as they stand, and have to show what the document says."""

import os
import pathlib
import re
import subprocess
import tempfile
import unittest
from typing import Callable

from deployment import KEYSVC, ROOT, Deployment

# What is shown by each of some commands.
Show = Callable[[list[str]], list[str]]

FENCE = re.compile(r"```console\n(.*?)```\n", re.DOTALL)
# What is another thing each time, by what stands for it.
VARIES = (
    (re.compile(r"tok_[a-z2-7]+"), "tok_"),
    (re.compile(r"^TOKEN  \d+|\btokens/\d+", re.MULTILINE), "DIGITS"),
    (re.compile(r"^TOKEN EXPIRY .*", re.MULTILINE), "MONTH"),
    (re.compile(r"^ACCOUNT REFERENCE .*", re.MULTILINE), "REFERENCE"),
    (re.compile(r"^CHECK VALUE +[0-9A-F]{10}$", re.MULTILINE), "CHECK VALUE"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+Z"), "TIME"),
    (re.compile(r"^(BYTES|LOG SIZE|FIRST INDEX|SUCCESSES|DENIALS|FAILURES|UNRESOLVED) +\d+$",
                re.MULTILINE), r"\1 NUMBER"),
    (re.compile(r"\b(line|record) \d+"), r"\1 NUMBER"),
)
MARK = "-- end of a command --"


def masked(text: str) -> str:
    for pattern, stands_for in VARIES:
        text = pattern.sub(stands_for, text)
    return text


def commands(block: str) -> list[tuple[str, str]]:
    """The commands of a block with what the document shows after each."""
    parts = re.split(r"^\$ ", block, flags=re.MULTILINE)
    assert parts[0] == "", "a block starts with a command"
    return [tuple(part.split("\n", 1)) for part in parts[1:]]


def shown_by(deployment: Deployment, lines: list[str]) -> list[str]:
    """What each command shows, typed one after the other into one shell in a folder that looks like
    the repository's."""
    script = "".join(f"{line}\necho '{MARK}'\n" for line in lines)
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        (place / "run").symlink_to(deployment.folder)
        (place / "deploy").symlink_to(ROOT / "deploy")
        (place / "build/release").mkdir(parents=True)
        (place / "build/release/bin").symlink_to(KEYSVC.parent)
        done = subprocess.run(["bash"], input=script, cwd=place, text=True, check=False, timeout=60,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={"PATH": os.environ["PATH"]})
    return done.stdout.split(f"{MARK}\n")[:-1]


def compare(test: unittest.TestCase, document: pathlib.Path, show: Show, least: int) -> None:
    """Fails the test where a command shows something else than the document says, and where there
    are fewer commands than `least`."""
    walk = [command for block in FENCE.findall(document.read_text())
            for command in commands(block)]
    test.assertGreaterEqual(len(walk), least)
    shown = show([line for line, _ in walk])
    test.assertEqual(len(shown), len(walk))
    for (line, says), shows in zip(walk, shown):
        with test.subTest(line):
            test.assertEqual(masked(shows), masked(says))


def rewrite(document: pathlib.Path, show: Show) -> None:
    """Gives the document what its commands show."""
    text = document.read_text()
    shown = iter(show([line for block in FENCE.findall(text) for line, _ in commands(block)]))

    def block(match: re.Match) -> str:
        told = "".join(f"$ {line}\n{next(shown)}" for line, _ in commands(match[1]))
        return f"```console\n{told}```\n"

    document.write_text(FENCE.sub(block, text))
