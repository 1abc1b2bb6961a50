#!/usr/bin/env python3
"""Lists the files that may read secrets. Everything else goes through them."""

import pathlib
from typing import Iterator

import source_tree
from source_tree import Finding

READERS = {
    "crypto/aead.cc",
    "crypto/aes_block.cc",
    "crypto/ff1.cc",
    "crypto/kdf.cc",
    "crypto/mac.cc",
    "crypto/recovery_key.cc",
    "crypto/recovery_share.cc",
    "crypto/secret_access.h",
    "crypto/secret_file.cc",
    "crypto/secret_sharing.cc",
    "crypto/self_test.cc",
    "keysvc/cli/card_reader.cc",
    "keysvc/keys/accepted_nonce.cc",
    "keysvc/keys/kept_delivery.cc",
    "keysvc/keys/kept_signature.cc",
    "keysvc/keys/kept_version.cc",
    "keysvc/keys/key_wrapping.cc",
    "keysvc/rpc/convert.cc",
    "pkcs11/gcm.cc",
    "pkcs11/patient_hsm.cc",
    "pkcs11/pin_file.cc",
    "pkcs11/token.cc",
    "store/connection.cc",
    "store/sqlcipher_store.cc",
    "tokenizer/account_reference.cc",
    "tokenizer/card_data.cc",
    "tokenizer/card_fingerprint.cc",
    "tokenizer/card_index.cc",
    "tokenizer/card_update_call.cc",
    "tokenizer/drawn_token.cc",
    "tokenizer/imported_token.cc",
    "tokenizer/ff1_token.cc",
    "tokenizer/kept_state_change.cc",
    "tokenizer/kept_tokens.cc",
    "tokenizer/pan.cc",
    "tokenizer/token_listing.cc",
    "tokenizer/token_row.cc",
    "tokenizer/tokenize_call.cc",
}


def check(root: pathlib.Path) -> Iterator[Finding]:
    reading = set()
    for source in source_tree.cpp_files(root, *source_tree.CODE):
        code = source_tree.without_comments(source.text)
        for number, line in enumerate(code.splitlines(), start=1):
            if "kGranted" not in line:
                continue
            reading.add(str(source.path))
            if str(source.path) not in READERS:
                yield Finding(source.path, number, "reads a secret but is not listed as a reader")
    for path in sorted(READERS - reading):
        yield Finding(pathlib.PurePosixPath(path), 0, "is listed as a reader but reads no secret")


if __name__ == "__main__":
    source_tree.run(check)
