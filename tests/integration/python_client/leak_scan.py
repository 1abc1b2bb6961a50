#!/usr/bin/env python3
"""Searches files for canaries (cards.py), in clear and in the encodings in which a card number gets
into a file by mistake.

    KEYSVC_CANARY_RUN=DIGITS leak_scan.py PATH...    exit status 1 when one is found
"""

import base64
import os
import pathlib
import re
import stat
import sys
from typing import Iterable, Iterator, NamedTuple

import cards

# Read at a time; pieces overlap by more than any encoding of a canary is long.
PIECE = 64 << 20
OVERLAP = 256


class Leak(NamedTuple):
    path: pathlib.Path
    encoding: str
    place: int

    def __str__(self) -> str:
        return f"{self.path}: a card number in {self.encoding} at byte {self.place}"


class Encoding:
    """How digits look in one encoding: `marks` are what every canary then begins with, and `digits`
    reads the number that starts where a mark was found ("" when it is none)."""

    def marks(self) -> Iterable[bytes]:
        raise NotImplementedError

    def digits(self, data: bytes, place: int, mark: bytes) -> str:
        raise NotImplementedError


class Text(Encoding):
    """A text encoding, or hex digits of one, in which each digit has a width of its own."""

    def __init__(self, encode) -> None:
        self.encode = encode
        self.of_digit = {encode(digit): digit for digit in "0123456789"}
        self.width = len(encode("0"))

    def marks(self):
        return [self.encode(cards.PREFIX)]

    def digits(self, data, place, mark):
        read = (self.of_digit.get(data[at:at + self.width], "")
                for at in range(place, place + self.width * cards.LENGTH, self.width))
        return "".join(read)


class Base64(Encoding):
    """Of the ASCII digits, at each of the three places that they can have in a group of three
    bytes. The alphabet for URLs differs in characters that no digit gives."""

    def marks(self):
        for before in range(3):
            encoded = base64.b64encode(b"\0" * before + cards.PREFIX.encode())
            first, last = -(-before * 8 // 6), (before + len(cards.PREFIX)) * 8 // 6
            yield encoded[first:last]

    def digits(self, data, place, mark):
        for before, shifted in enumerate(self.marks()):
            if mark == shifted:
                skipped = -(-before * 8 // 6)
                text = b"A" * skipped + data[place:place + 24]
                whole = re.match(rb"[A-Za-z0-9+/_-]*", text)[0].translate(
                    bytes.maketrans(b"-_", b"+/"))
                read = base64.b64decode(whole + b"A" * (-len(whole) % 4))
                # The first character may have held a part of the first digit only.
                return cards.PREFIX[0] + read[before + 1:before + cards.LENGTH].decode("latin-1")
        return ""


class PackedBcd(Encoding):
    """Two digits a byte, beginning with a byte or in the middle of one; whatever pads it."""

    def marks(self):
        for first in range(2):
            digits = cards.PREFIX[first:]
            yield bytes.fromhex(digits[:len(digits) // 2 * 2])

    def digits(self, data, place, mark):
        first = list(self.marks()).index(mark)
        # The half byte before the mark is the canary's, too: without it a length of zeros and a
        # few digits looks like one.
        if first and (place == 0 or data[place - 1] & 15 != int(cards.PREFIX[0])):
            return ""
        length = (cards.LENGTH - first + 1) // 2
        return (cards.PREFIX[:first] + data[place:place + length].hex())[:cards.LENGTH]


ENCODINGS: dict[str, Encoding] = {
    "ASCII": Text(str.encode),
    "hex": Text(lambda digits: digits.encode().hex().encode()),
    "base64": Base64(),
    "BCD": PackedBcd(),
    "UTF-16LE": Text(lambda digits: digits.encode("utf-16-le")),
    "UTF-16BE": Text(lambda digits: digits.encode("utf-16-be")),
}


def find(data: bytes) -> Iterator[tuple[str, int]]:
    """The encodings and places of all canaries in `data`."""
    for name, encoding in ENCODINGS.items():
        for mark in set(encoding.marks()):
            place = data.find(mark)
            while place >= 0:
                digits = encoding.digits(data, place, mark)
                if len(digits) == cards.LENGTH and digits.isdecimal() and cards.passes_luhn(digits):
                    yield name, place
                place = data.find(mark, place + 1)


def scan_file(path: pathlib.Path) -> Iterator[Leak]:
    with open(path, "rb") as file:
        start, piece = 0, file.read(PIECE)
        while piece:
            for name, place in find(piece):
                yield Leak(path, name, start + place)
            following = file.read(PIECE)
            start += max(len(piece) - OVERLAP, 0)
            piece = piece[-OVERLAP:] + following if following else b""


def scan(*roots: pathlib.Path) -> list[Leak]:
    """What is found below the roots, in names too. Only regular files are opened."""
    leaks = []
    for root in roots:
        for path in [root, *sorted(root.rglob("*"))]:
            leaks += [Leak(path, f"{name}, in its name", place)
                      for name, place in find(os.fsencode(path.name))]
            if stat.S_ISREG(path.lstat().st_mode):
                leaks += scan_file(path)
    return leaks


def main(paths: list[str]) -> int:
    if not re.fullmatch(r"\d{3}", os.environ.get("KEYSVC_CANARY_RUN", "")) or not paths:
        print("usage: KEYSVC_CANARY_RUN=DIGITS leak_scan.py PATH...", file=sys.stderr)
        return 2
    leaks = scan(*map(pathlib.Path, paths))
    for leak in leaks:
        print(leak)
    print(f"{len(leaks)} card numbers found")
    return 1 if leaks else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
