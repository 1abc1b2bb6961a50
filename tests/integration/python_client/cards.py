"""Card numbers to test with."""

import random

# Published by the networks, 13 to 19 digits; the 17 and 18 digits, which none publishes, from a
# range that no issuer has.
PUBLISHED = (
    "4222222222222", "30569309025904", "378282246310005", "4111111111111111", "5555555555554444",
    "2223003122003222", "6011111111111117", "3530111333300000", "6200000000000005",
    "6759649826438453", "40000000000000006", "400000000000000002", "6205500000000000004",
)


def check_digit(digits: str) -> str:
    """ISO/IEC 7812-1, annex B."""
    doubled = "0246813579"
    total = sum(int(doubled[int(digit)] if place % 2 == 0 else digit)
                for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def invented(source: random.Random | None = None) -> str:
    """A 16-digit number that nobody else has, from a range that no issuer has."""
    digits = "400000" + "".join((source or random).choices("0123456789", k=9))
    return digits + check_digit(digits)
