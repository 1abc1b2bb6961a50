#!/usr/bin/env python3
"""What no file may say: open ends, drawer names, a machine's own paths, unpublished card numbers,
links that lead nowhere."""

import pathlib
import re
from typing import Iterator

import source_tree
from source_tree import Finding

OPEN_END = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
DRAWER = re.compile(r"(^|_)(util|utils|utility|helper|helpers|manager|common|misc)(_|$)")
MACHINE_PATH = re.compile(r"(?<![\w$}])/(?:root|home|work|Users)/\w")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+\s+(.*?)\s*$")
DIGITS = re.compile(r"(?<![\w.])\d{13,19}(?![\w.]*\w)|(?<![\w.])(?:\d{4}[ -]){3}\d{1,7}(?!\w)")

# No payment network's numbers start with these; times in milliseconds do.
NO_CARD = ("0", "1")

# Numbers that the payment networks publish for tests, and ones of their ranges that no issuer has
# assigned, for the lengths that none of them publishes.
TEST_CARDS = {
    "4111111111111111", "4242424242424242", "4012888888881881", "4222222222222",
    "5555555555554444", "5105105105105100", "2223003122003222", "2223000048400011",
    "378282246310005", "371449635398431",
    "6011111111111117", "6011000990139424",
    "30569309025904", "38520000023237",
    "3530111333300000", "3566002020360505",
    "6200000000000005", "6205500000000000004",
    "6759649826438453",
    "40000000000000006", "400000000000000002", "4000000000000000006",
}


def passes_luhn(digits: str) -> bool:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def card_numbers(line: str) -> Iterator[str]:
    for match in DIGITS.finditer(line):
        digits = re.sub(r"[ -]", "", match[0])
        if digits in TEST_CARDS or digits.startswith(NO_CARD):
            continue
        if passes_luhn(digits):
            yield digits


def anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def outside_fences(text: str) -> Iterator[tuple[int, str]]:
    fenced = False
    for number, line in enumerate(text.splitlines(), start=1):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif not fenced:
            yield number, line


def broken_links(root: pathlib.Path, source: source_tree.Source) -> Iterator[Finding]:
    for number, line in outside_fences(source.text):
        for target in LINK.findall(line):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, fragment = target.partition("#")
            file = (root / source.path.parent / path) if path else root / source.path
            if not file.exists():
                yield Finding(source.path, number, f"links to {target}, which is not there")
            elif fragment:
                headings = (HEADING.match(text)
                            for _, text in outside_fences(file.read_text(encoding="utf-8")))
                if fragment not in {anchor(match[1]) for match in headings if match}:
                    yield Finding(source.path, number, f"links to {target}: no such heading")


def check(root: pathlib.Path) -> Iterator[Finding]:
    for source in source_tree.files(root):
        for part in source.path.parts:
            if DRAWER.search(part.split(".")[0]):
                yield Finding(source.path, 0, f"'{part}' is a drawer, not a name")
        if source.path.name == "LICENSE":
            continue
        for number, line in source.lines():
            if match := OPEN_END.search(line):
                yield Finding(source.path, number, f"says {match[0]}")
            if MACHINE_PATH.search(line):
                yield Finding(source.path, number, "names a path of one machine")
            for digits in card_numbers(line):
                yield Finding(source.path, number,
                              f"a {len(digits)}-digit card number that is no published test card")
        if source.path.suffix == ".md":
            yield from broken_links(root, source)


if __name__ == "__main__":
    source_tree.run(check)
