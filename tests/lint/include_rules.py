#!/usr/bin/env python3
"""Holds the arrows between the folders and the one door of every third party.

CMake alone holds neither: all folders share one include root, and the distribution's headers are on
every compiler's path. docs/architecture.md draws the same picture.
"""

import pathlib
import re
from typing import Iterator

import source_tree
from source_tree import Finding

# Who may include whom. The longest folder that contains a file decides for it; a folder may always
# include itself.
ARROWS = {
    "status": (),
    "crypto": ("status",),
    "http": ("status", "crypto"),
    "jose": ("status", "crypto"),
    "cose": ("status", "crypto"),
    "pkcs11": ("status", "crypto"),
    "store": ("status", "crypto"),
    "audit": ("status", "crypto", "store"),
    "policy": ("status", "crypto/digest.h"),
    "tokenizer": ("status", "crypto", "store", "audit", "policy"),
    "keysvc/keys": ("status", "crypto", "http", "jose", "cose", "pkcs11", "store", "audit", "policy",
                    "tokenizer"),
    "keysvc/rpc": ("status", "crypto", "http", "store", "audit", "policy", "tokenizer", "keysvc/keys",
                   "keysvc/v1"),
    "keysvc/v1": (),  # generated from proto/
    "keysvc/cli": ("status", "crypto", "policy", "audit/verifier.h", "tokenizer/hidden_pan.h", "keysvc/v1"),
    "keysvc": ("status", "crypto", "pkcs11", "store", "audit", "policy", "tokenizer", "keysvc/keys",
               "keysvc/rpc"),
    # The benchmark holds every layer against its ceiling; nothing includes it.
    "bench": ("status", "crypto", "pkcs11", "store", "audit", "policy", "tokenizer", "keysvc/keys",
              "keysvc/rpc", "keysvc/cli/connection.h", "keysvc/cli/file.h", "keysvc/v1", "keysvc"),
}

# Third-party headers by the start of their path, and the folders that are their door. Abseil may be
# used everywhere.
DOORS = {
    "openssl/": ("crypto", "bench"),
    "botan/": ("crypto",),
    "sqlcipher/": ("store",),
    "sqlite3": ("store",),
    "p11-kit/": ("pkcs11",),
    "pkcs11.h": ("pkcs11",),
    "dlfcn.h": ("pkcs11",),
    "yaml-cpp/": ("policy",),
    "cbor.h": ("cose",),
    "nlohmann/": ("audit", "jose", "keysvc/cli", "bench"),
    "CLI/": ("keysvc/cli", "keysvc", "bench"),
    "grpc": ("keysvc/rpc", "keysvc/cli", "bench"),
    "google/": ("keysvc/rpc", "keysvc/cli", "bench"),
}

# The operating system's own headers, besides the standard library's (which have no dot).
SYSTEM = re.compile(r"^(sys/.+|linux/.+|netinet/.+|arpa/.+|unistd|fcntl|signal|poll|netdb|errno|"
                    r"limits|time|termios|pthread|endian|stdint|stdlib|string)\.h$")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')


def within(path: str, place: str) -> bool:
    return path == place or path.startswith(place + "/")


def folder_of(path: str) -> str:
    return max((folder for folder in ARROWS if within(path, folder)), key=len, default="")


def refusal(path: str, included: str) -> str:
    """Why the file may not include this header; empty when it may."""
    folder = folder_of(path)
    if target := folder_of(included):
        if target == folder or target in ARROWS[folder] or included in ARROWS[folder]:
            return ""
        return f"{folder}/ may not include {included}"
    for start, doors in DOORS.items():
        if included.startswith(start):
            if folder in doors:
                return ""
            return f"{included} may only be included in {', '.join(door + '/' for door in doors)}"
    if included.startswith("absl/") or "." not in included or SYSTEM.match(included):
        return ""
    return f"{included} has no folder that owns it"


def check(root: pathlib.Path) -> Iterator[Finding]:
    for source in source_tree.cpp_files(root, *source_tree.CODE):
        for number, line in source.lines():
            if match := INCLUDE.match(line):
                if what := refusal(str(source.path), match[1]):
                    yield Finding(source.path, number, what)


if __name__ == "__main__":
    source_tree.run(check)
