#!/usr/bin/env python3
"""Every lint finds what it is there for: each test plants one violation in a tree of its own."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

import error_reasons
import file_size
import include_rules
import secret_access
import unaudited_write
import wording


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)

    def plant(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def finds(self, lint, *expected: str) -> None:
        findings = [str(finding) for finding in lint.check(self.root)]
        self.assertEqual(len(findings), len(expected), findings)
        for finding, part in zip(findings, expected):
            self.assertIn(part, finding)


class UnauditedWrite(LintTest):
    def test_the_journal_may_write(self):
        self.plant("audit/a.cc", "auto transaction = store_.Begin();\n")
        self.finds(unaudited_write)

    def test_nobody_else_may(self):
        for code in ("auto t = store_.Begin();", "auto t = store->Begin( );", "store_.Reopen();",
                     "std::unique_ptr<store::WriteTransaction> t;"):
            with self.subTest(code):
                self.plant("tokenizer/a.cc", code + "\n")
                self.finds(unaudited_write, "tokenizer/a.cc:1: writes to the store without")

    def test_reading_is_no_write(self):
        self.plant("tokenizer/a.cc", "rows = store_.FindTokens(handles);  // not store_.Begin()\n")
        self.finds(unaudited_write)


class IncludeRules(LintTest):
    def includes(self, path: str, header: str, *expected: str) -> None:
        self.plant(path, f'#include "{header}"\n')
        self.finds(include_rules, *expected)

    def test_an_arrow_may_be_followed(self):
        self.includes("tokenizer/a.cc", "audit/journal.h")

    def test_an_arrow_may_not_be_followed_back(self):
        self.includes("store/a.cc", "audit/journal.h", "store/ may not include audit/journal.h")

    def test_an_arrow_may_not_be_skipped_sideways(self):
        self.includes("pkcs11/a.cc", "store/rows.h", "pkcs11/ may not include")

    def test_the_policy_takes_one_header_of_crypto(self):
        self.includes("policy/a.cc", "crypto/digest.h")
        self.includes("policy/a.cc", "crypto/aead.h", "policy/ may not include crypto/aead.h")

    def test_the_keys_do_not_know_the_edge(self):
        self.includes("keysvc/keys/a.cc", "keysvc/rpc/server.h", "keysvc/keys/ may not include")

    def test_the_command_line_does_not_know_the_service(self):
        self.includes("keysvc/cli/a.cc", "keysvc/config.h", "keysvc/cli/ may not include")

    def test_the_benchmark_is_known_to_nobody(self):
        self.includes("bench/a.cc", "keysvc/rpc/server_settings.h")
        self.includes("keysvc/rpc/b.cc", "bench/load.h", "keysvc/rpc/ may not include bench/load.h")

    def test_production_code_does_not_know_tests(self):
        self.includes("store/a.cc", "tests/support/temporary_directory.h", "no folder that owns it")

    def test_only_the_edge_and_the_command_line_know_the_wire(self):
        self.includes("keysvc/rpc/a.cc", "keysvc/v1/token_service.pb.h")
        self.includes("keysvc/keys/b.cc", "keysvc/v1/token_service.pb.h", "may not include")

    def test_a_third_party_has_one_door(self):
        for header in ("openssl/evp.h", "botan/argon2.h", "sqlcipher/sqlite3.h", "p11-kit/pkcs11.h",
                       "dlfcn.h", "yaml-cpp/yaml.h", "nlohmann/json.hpp", "grpcpp/grpcpp.h",
                       "google/protobuf/message.h"):
            with self.subTest(header):
                self.includes("tokenizer/a.cc", header, f"{header} may only be included in")

    def test_an_unknown_third_party_has_no_door(self):
        self.includes("crypto/a.cc", "boost/any.hpp", "has no folder that owns it")

    def test_abseil_and_the_system_are_open_to_all(self):
        self.plant("store/a.cc", '#include "absl/status/status.h"\n#include <vector>\n'
                                 "#include <sys/stat.h>\n")
        self.finds(include_rules)


class SecretAccess(LintTest):
    def setUp(self):
        super().setUp()
        for path in secret_access.READERS:
            self.plant(path, "kGranted\n")

    def test_a_new_reader_is_found(self):
        self.plant("tokenizer/sneaky.cc", "\n x.Expose(crypto::SecretAccess::kGranted);\n")
        self.finds(secret_access, "tokenizer/sneaky.cc:2: reads a secret")

    def test_a_comment_reads_nothing(self):
        self.plant("tokenizer/innocent.cc", "// kGranted\n")
        self.finds(secret_access)

    def test_a_reader_that_no_longer_reads_is_found(self):
        self.plant("crypto/secret_access.h", "\n")
        self.finds(secret_access, "reads no secret")


class FileSize(LintTest):
    def test_a_file_that_grew_too_long_is_found(self):
        self.plant("store/short.cc", "\n" * file_size.LIMIT)
        self.plant("store/long.cc", "\n" * (file_size.LIMIT + 1))
        self.finds(file_size, "store/long.cc: has 601 lines")


class Wording(LintTest):
    def test_an_open_end_is_found(self):
        self.plant("store/a.cc", "// TO" "DO: later\n")
        self.finds(wording, "store/a.cc:1: says TO" "DO")

    def test_a_drawer_is_found(self):
        self.plant("store/sql_util.h", "")
        self.finds(wording, "'sql_util.h' is a drawer")

    def test_a_path_of_one_machine_is_found(self):
        self.plant("docs/a.md", "see /ho" "me/someone/keysvc\n")
        self.finds(wording, "docs/a.md:1: names a path")

    def test_a_card_number_that_nobody_published_is_found(self):
        self.plant("tests/a.cc", 'Parse("411111111111' '2929")\n// 4111 1111 1111 ' '2929\n')
        self.finds(wording, "tests/a.cc:1: a 16-digit card number", "tests/a.cc:2:")

    def test_published_and_wrong_numbers_are_no_finding(self):
        self.plant("tests/a.cc", '"4111111111111111" "4111111111111112" 0000000000000000\n')
        self.finds(wording)

    def test_a_link_that_leads_nowhere_is_found(self):
        self.plant("docs/a.md", "[b](b.md) [c](c.md) [d](b.md#here) [e](b.md#there-now)\n")
        self.plant("docs/b.md", "# There, now\n")
        self.finds(wording, "links to c.md, which is not there", "links to b.md#here: no such")

    def test_a_fenced_line_is_no_link(self):
        self.plant("docs/a.md", "```\n[b](b.md)\n```\n")
        self.finds(wording)


class ErrorReasons(LintTest):
    def setUp(self):
        super().setUp()
        self.plant("status/reason.cc",
                   '{Reason::kA, "A", kNotFound, false},\n{Reason::kB, "B", kUnavailable, true},\n')

    def test_a_complete_page_is_right(self):
        self.plant("docs/errors.md", "| `A` | `NOT_FOUND` | no | It is not there. |\n"
                                     "| `B` | `UNAVAILABLE` | yes | It is away now. |\n")
        self.finds(error_reasons)

    def test_a_missing_reason_is_found(self):
        self.plant("docs/errors.md", "| `A` | `NOT_FOUND` | no | It is not there. |\n")
        self.finds(error_reasons, "B is missing")

    def test_another_code_is_found(self):
        self.plant("docs/errors.md", "| `A` | `INTERNAL` | no | It is not there. |\n"
                                     "| `B` | `UNAVAILABLE` | no | It is away now. |\n")
        self.finds(error_reasons, "A is NOT_FOUND, retry no", "B is UNAVAILABLE, retry yes")

    def test_an_invented_reason_and_an_empty_meaning_are_found(self):
        self.plant("docs/errors.md", "| `A` | `NOT_FOUND` | no | Oh. |\n"
                                     "| `B` | `UNAVAILABLE` | yes | It is away now. |\n"
                                     "| `C` | `UNAVAILABLE` | yes | It was never there. |\n")
        self.finds(error_reasons, "A has no meaning", "C is no reason")


class Format(LintTest):
    def test_a_file_laid_out_otherwise_is_found(self):
        here = pathlib.Path(__file__).resolve().parent
        self.plant(".clang-format", "BasedOnStyle: Google\n")
        self.plant("store/a.cc", "int   a ;\n")
        command = [sys.executable, str(here / "format.py"), str(self.root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 77:
            self.skipTest(done.stdout)
        self.assertNotEqual(done.returncode, 0)
        subprocess.run([*command, "--fix"], check=True)
        self.assertEqual((self.root / "store/a.cc").read_text(), "int a;\n")


if __name__ == "__main__":
    unittest.main()
