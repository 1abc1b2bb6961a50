#!/usr/bin/env python3
"""The README's walk, typed in as it stands, shows what the README says it shows.

    readme_test.py [--write]    with --write the README is given what the walk showed
"""

import sys
import unittest

import walk
from deployment import ROOT, Deployment

README = ROOT / "README.md"


def show(lines: list[str]) -> list[str]:
    with Deployment() as deployment:
        deployment.start()
        return walk.shown_by(deployment, lines)


class Readme(unittest.TestCase):
    maxDiff = None

    def test_the_walk_shows_what_the_readme_says(self):
        walk.compare(self, README, show, least=11)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        walk.rewrite(README, show)
    else:
        unittest.main()
