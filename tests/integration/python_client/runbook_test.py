#!/usr/bin/env python3
"""The runbook of docs/recovery.md, typed in as it stands, restores what it says it restores.

    runbook_test.py [--write]    with --write the document is given what the commands showed
"""

import re
import sys
import unittest

import cards
import walk
from deployment import ROOT, Deployment
from wire import CARDS, SECONDS, Client, keys, tokens

RUNBOOK = ROOT / "docs/recovery.md"
KEY = re.compile(r"development\+\S+")


def without_keys(text: str) -> str:
    return KEY.sub("development+KEY", text)


def lose_and_restore(lines: list[str]) -> list[str]:
    """What the commands show on a deployment that has a card and a signing key; the card has to
    open again."""
    pan = cards.invented()
    with Deployment() as deployment:
        deployment.start()
        with Client(deployment, "checkout") as client:
            request = tokens.TokenizeRequest(parent=CARDS, card=tokens.Card(pan=pan))
            name = client.tokens.Tokenize(request, timeout=SECONDS).name
        with Client(deployment, "officer-1") as client:
            client.keys.CreateKey(keys.CreateKeyRequest(
                parent="tenants/acme", key_id="orders", purpose=keys.KEY_PURPOSE_SIGN,
                algorithm=keys.KEY_ALGORITHM_EC_P256, cryptoperiod_days=365), timeout=60)
        deployment.stop()
        shown = walk.shown_by(deployment, lines)
        deployment.start()
        with Client(deployment, "settlement") as client:
            detokenize = tokens.DetokenizeRequest(name=name, purpose="settlement")
            assert client.tokens.Detokenize(detokenize, timeout=SECONDS).card.pan == pan
    return [without_keys(text) for text in shown]


class Runbook(unittest.TestCase):
    maxDiff = None

    def test_the_commands_show_what_the_runbook_says(self):
        walk.compare(self, RUNBOOK, lose_and_restore, least=5)


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        walk.rewrite(RUNBOOK, lose_and_restore)
    else:
        unittest.main()
