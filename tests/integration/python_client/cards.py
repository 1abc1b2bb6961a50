"""Card numbers to test with: published ones, and canaries that are made at run time."""

import os
import random

# Published by the networks, 13 to 19 digits; the 17 and 18 digits, which none publishes, from a
# range that no issuer has.
PUBLISHED = (
    "4222222222222", "30569309025904", "378282246310005", "4111111111111111", "5555555555554444",
    "2223003122003222", "6011111111111117", "3530111333300000", "6200000000000005",
    "6759649826438453", "40000000000000006", "400000000000000002", "6205500000000000004",
)

LENGTH = 16
# How all canaries of a run begin: a range that no issuer has, and digits by which one search finds
# every canary; not 0 first, because small numbers in binary files begin with as many zeros. Whoever
# searches what several programs wrote gives them one run's digits.
PREFIX = "400000" + os.environ.get("KEYSVC_CANARY_RUN", f"{random.randrange(100, 1000)}")


def check_digit(digits: str) -> str:
    """ISO/IEC 7812-1, annex B."""
    doubled = "0246813579"
    total = sum(int(doubled[int(digit)] if place % 2 == 0 else digit)
                for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def passes_luhn(digits: str) -> bool:
    return check_digit(digits[:-1]) == digits[-1]


def invented(source: random.Random | None = None) -> str:
    """A canary: a number that nobody else has and that leak_scan finds wherever it is in clear."""
    rest = "".join((source or random).choices("0123456789", k=LENGTH - len(PREFIX) - 1))
    return PREFIX + rest + check_digit(PREFIX + rest)


def canaries(count: int = 20, source: random.Random | None = None) -> list[str]:
    """Different ones."""
    made: set[str] = set()
    while len(made) < count:
        made.add(invented(source))
    return sorted(made)
