#include "audit/export.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/civil_time.h"
#include "audit/leaf.h"
#include "audit/merkle.h"
#include "gmock/gmock.h"
#include "tests/unit/audit/log_fixture.h"

namespace keysvc::audit {
namespace {

using ::keysvc::testing::ExportText;
using ::keysvc::testing::HasReason;
using ::keysvc::testing::LogTest;
using ::keysvc::testing::MemoryStore;
using ::keysvc::testing::SoftwareSigner;
using ::keysvc::testing::SomeEntry;
using ::keysvc::testing::VerifyText;
using ::testing::HasSubstr;

const auto kRefused = HasReason(Reason::kIntegrityFailure);

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = text.find('\n', at) + 1;
    lines.push_back(text.substr(at, end - at));
    at = end;
  }
  return lines;
}

std::string Joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line;
  return text;
}

class ExportTest : public LogTest {
 protected:
  void Record(Outcome outcome, std::map<std::string, std::string> details = {}) {
    Entry entry = SomeEntry();
    entry.outcome = outcome;
    entry.details = std::move(details);
    last_index_ = journal_->Record(std::move(entry))->index();
  }
  std::string Export(std::uint64_t first = 0) {
    note_ = journal_->CheckpointNow().value();
    return ExportText(store_, first, note_, journal_->verifier_key()).value();
  }
  absl::StatusOr<Verified> Verify(const std::string& text,
                                  std::optional<std::string_view> outside = std::nullopt) {
    return VerifyText(text, journal_->verifier_key(), outside);
  }

  std::unique_ptr<Journal> journal_ = Start();
  std::uint64_t last_index_ = 0;
  std::string note_;
};

TEST_F(ExportTest, AWholeLogVerifiesAndIsCounted) {
  Record(Outcome::kDenied);
  Record(Outcome::kFailed);
  Record(Outcome::kSuccess);
  const auto verified = Verify(Export());
  ASSERT_OK(verified);
  EXPECT_EQ(verified->origin, options_.origin);
  EXPECT_EQ(verified->first, 0U);
  EXPECT_EQ(verified->size, 6U);
  EXPECT_EQ(verified->successes, 4U);  // Log.Init, Log.Head, the call, Log.Head
  EXPECT_EQ(verified->denials, 1U);
  EXPECT_EQ(verified->failures, 1U);
  EXPECT_EQ(verified->unresolved, 0U);
  EXPECT_LE(verified->first_time, verified->last_time);
  EXPECT_FALSE(verified->against_outside_checkpoint);
}

TEST_F(ExportTest, AnIntentWithoutItsOutcomeIsUnresolved) {
  Record(Outcome::kIntent);
  const std::string resolved = std::to_string(last_index_);
  Record(Outcome::kIntent);
  Record(Outcome::kSuccess, {{"intent", resolved}});
  EXPECT_EQ(Verify(Export())->unresolved, 1U);
  Record(Outcome::kFailed, {{"intent", std::to_string(last_index_ - 1)}});
  EXPECT_EQ(Verify(Export())->unresolved, 0U);
}

TEST_F(ExportTest, APartVerifiesFromAnyIndexOn) {
  for (int i = 0; i < 20; ++i) Record(Outcome::kSuccess);
  const std::string note = journal_->CheckpointNow().value();
  const std::uint64_t size = OpenCheckpoint(note, journal_->verifier_key())->size;
  for (std::uint64_t first = 0; first <= size; ++first) {
    const auto text = ExportText(store_, first, note, journal_->verifier_key());
    ASSERT_OK(text);
    const auto verified = Verify(*text);
    ASSERT_OK(verified) << first;
    EXPECT_EQ(verified->first, first);
    EXPECT_EQ(verified->successes, size - first);
  }
  EXPECT_THAT(ExportText(store_, size + 1, note, journal_->verifier_key()),
              HasReason(Reason::kFieldInvalid));
}

TEST_F(ExportTest, ALongLogComesInPieces) {
  for (int i = 0; i < 300; ++i) Record(Outcome::kSuccess);
  const std::string note = journal_->CheckpointNow().value();
  auto exporter = Exporter::Create(store_, 0, note, journal_->verifier_key()).value();
  std::string text;
  int pieces = 0;
  while (auto lines = exporter->Next().value()) {
    EXPECT_LT(lines->size(), 64U * 1024U);
    text += *lines;
    ++pieces;
  }
  EXPECT_GT(pieces, 2);
  EXPECT_FALSE(exporter->Next()->has_value());
  EXPECT_OK(Verify(text));
}

TEST_F(ExportTest, AnOutsideCheckpointProvesThatTheLogOnlyGrew) {
  Record(Outcome::kSuccess);
  const std::string early = journal_->CheckpointNow().value();
  const std::uint64_t size = OpenCheckpoint(early, journal_->verifier_key())->size;
  for (int i = 0; i < 5; ++i) Record(Outcome::kSuccess);
  for (std::uint64_t first = 0; first <= size; ++first) {
    const auto verified = Verify(Export(first), early);
    ASSERT_OK(verified);
    EXPECT_TRUE(verified->against_outside_checkpoint);
  }
  const std::string whole = Export();
  EXPECT_TRUE(Verify(whole, note_)->against_outside_checkpoint);
  EXPECT_THAT(Verify(Export(size + 1), early), HasReason(Reason::kFieldInvalid));
  const std::string text = Export();
  Record(Outcome::kSuccess);
  EXPECT_THAT(Verify(text, *journal_->CheckpointNow()), HasReason(Reason::kFieldInvalid));
}

TEST_F(ExportTest, ALogThatWasWrittenAnewDoesNotFitTheOutsideCheckpoint) {
  Record(Outcome::kSuccess);
  const std::string kept = journal_->CheckpointNow().value();
  // The operator has the key, and signs a history of their own.
  journal_->Stop();
  store_.Tamper([](MemoryStore::Rows& rows) { rows = {}; });
  std::filesystem::remove_all(folder_.path());
  std::filesystem::create_directory(folder_.path());
  journal_ = Start();
  for (int i = 0; i < 5; ++i) Record(Outcome::kSuccess);
  const std::string text = Export();
  ASSERT_OK(Verify(text));
  const auto refused = Verify(text, kept);
  EXPECT_THAT(refused, kRefused);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("line 5: "));
}

TEST_F(ExportTest, NoByteCanBeChanged) {
  Record(Outcome::kDenied, {{"key_version", "3"}});
  const std::string text = Export(1);
  ASSERT_OK(Verify(text));
  for (std::size_t i = 0; i < text.size(); ++i) {
    for (const int bits : {0x01, 0x20, 0x80}) {
      std::string changed = text;
      changed[i] = static_cast<char>(changed[i] ^ bits);
      ASSERT_THAT(Verify(changed), kRefused) << "byte " << i << ", bits " << bits;
    }
  }
}

TEST_F(ExportTest, ATruncatedExportIsRefusedWhereverItEnds) {
  Record(Outcome::kSuccess);
  const std::string text = Export();
  for (std::size_t size = 0; size < text.size(); ++size) {
    ASSERT_THAT(Verify(text.substr(0, size)), kRefused) << size;
  }
  EXPECT_THAT(Verify(text + "\n"), kRefused);
  EXPECT_THAT(Verify(text + text), kRefused);
}

TEST_F(ExportTest, NoLineCanBeDroppedDoubledOrSwapped) {
  for (int i = 0; i < 3; ++i) Record(Outcome::kSuccess);
  const std::vector<std::string> lines = Lines(Export());
  for (std::size_t i = 0; i < lines.size(); ++i) {
    std::vector<std::string> changed = lines;
    changed.erase(changed.begin() + static_cast<std::ptrdiff_t>(i));
    EXPECT_THAT(Verify(Joined(changed)), kRefused) << "dropped " << i;
    changed = lines;
    changed.insert(changed.begin() + static_cast<std::ptrdiff_t>(i), lines[i]);
    EXPECT_THAT(Verify(Joined(changed)), kRefused) << "doubled " << i;
    for (std::size_t j = 0; j < i; ++j) {
      changed = lines;
      std::swap(changed[i], changed[j]);
      EXPECT_THAT(Verify(Joined(changed)), kRefused) << "swapped " << i << " and " << j;
    }
  }
}

TEST_F(ExportTest, TheFirstLineAtFaultIsNamedAndNotQuoted) {
  Record(Outcome::kSuccess);
  std::vector<std::string> lines = Lines(Export());
  lines[3].replace(lines[3].find("checkout"), 8, "attacker\xff");
  const absl::Status status = Verify(Joined(lines)).status();
  EXPECT_THAT(status, kRefused);
  EXPECT_THAT(std::string(status.message()), HasSubstr("line 4: "));
  EXPECT_EQ(status.message().find("attacker"), std::string::npos);
}

TEST_F(ExportTest, AnotherSpellingOfTheSameRecordIsRefused) {
  const std::vector<std::string> lines = Lines(Export());
  const auto with = [&](std::string_view from, const std::string& to) {
    std::vector<std::string> changed = lines;
    changed[1].replace(changed[1].find(from), from.size(), to);
    return Joined(changed);
  };
  EXPECT_THAT(Verify(with("\"index\":0", "\"index\": 0")), kRefused);
  EXPECT_THAT(Verify(with("\"index\":0", "\"index\":0.0")), kRefused);
  EXPECT_THAT(Verify(with("\"index\":0", "\"index\":-0")), kRefused);
  EXPECT_THAT(Verify(with("Log.Init", "Log\\u002eInit")), kRefused);
  EXPECT_THAT(Verify(with("{", "{\"body\":{},")), kRefused);
  EXPECT_THAT(Verify(with("{", "{\"aa\":{},")), kRefused);
  EXPECT_THAT(Verify(std::string(100000, '[') + "\n"), kRefused);
  const std::string deep = std::string(1'000'000, '[') + std::string(1'000'000, ']');
  EXPECT_THAT(Verify("{\"a\":" + deep + "}\n"), kRefused);
}

TEST_F(ExportTest, AnotherKeyOrAnotherLogsCheckpointIsRefused) {
  const std::string text = Export();
  const auto other = SoftwareSigner::P256();
  const std::string other_key = VerifierKey(options_.origin, other->public_key());
  EXPECT_THAT(VerifyText(text, other_key), kRefused);
  EXPECT_THAT(VerifyText(text, VerifierKey("keysvc.example/else", signer_->public_key())),
              kRefused);
  EXPECT_THAT(VerifyText(text, ""), kRefused);
  const Checkpoint own = OpenCheckpoint(note_, journal_->verifier_key()).value();
  const std::string foreign = SignCheckpoint(own, *other).value();
  EXPECT_THAT(Verify(text, foreign), kRefused);
  EXPECT_THAT(ExportText(store_, 0, foreign, journal_->verifier_key()), kRefused);
}

TEST_F(ExportTest, ACheckpointWithAnotherRootDoesNotFit) {
  Checkpoint forged =
      OpenCheckpoint(journal_->CheckpointNow().value(), journal_->verifier_key()).value();
  forged.root[0] ^= 1;
  const std::string note = SignCheckpoint(forged, *signer_).value();
  const auto text = ExportText(store_, 0, note, journal_->verifier_key());
  ASSERT_OK(text);
  const auto refused = Verify(*text);
  EXPECT_THAT(refused, kRefused);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("signed root"));
}

TEST_F(ExportTest, ARowChangedInTheStoreShowsInTheExport) {
  for (std::string store::LeafRow::*column : {&store::LeafRow::header, &store::LeafRow::header_salt,
                                              &store::LeafRow::body, &store::LeafRow::body_salt}) {
    const std::string good = Export();
    ASSERT_OK(Verify(good));
    const auto rows = store_.Snapshot();
    store_.Tamper([&](MemoryStore::Rows& all) {
      std::string& value = all.leaves.at(1).*column;
      value[value.size() / 2] = static_cast<char>(value[value.size() / 2] ^ 1);
    });
    EXPECT_THAT(Verify(Export()), kRefused);
    store_.Tamper([&](MemoryStore::Rows& all) { all = rows; });
  }
}

// Fixed salts and times, so that every byte is.
TEST(ExportGoldenTest, AnExportHasTheseBytes) {
  const auto signer = SoftwareSigner::Ed25519();
  MemoryStore store;
  Frontier frontier;
  const absl::Time time =
      absl::FromCivil(absl::CivilSecond(2026, 1, 31, 23, 59, 59), absl::UTCTimeZone());
  store.Tamper([&](MemoryStore::Rows& rows) {
    for (std::uint64_t index = 0; index < 4; ++index) {
      Entry entry = SomeEntry("r-" + std::to_string(index));
      entry.outcome = index == 3 ? Outcome::kDenied : Outcome::kSuccess;
      store::LeafRow leaf = MakeLeaf(entry, index, time + absl::Seconds(index));
      leaf.header_salt = std::string(16, static_cast<char>('a' + index));
      leaf.body_salt = std::string(16, static_cast<char>('A' + index));
      leaf.leaf_hash = crypto::AsText(HashOfLeaf(leaf));
      frontier.Append(HashOfLeaf(leaf));
      rows.leaves[index] = leaf;
    }
    rows.frontier = frontier.ToRow();
  });
  const std::string origin = "audit.example.com/test";
  const std::string verifier_key = VerifierKey(origin, signer->public_key());
  const std::string note = SignCheckpoint(Checkpoint{origin, 4, frontier.Root()}, *signer).value();
  const std::string golden = keysvc::testing::ReadFile(std::string(KEYSVC_SOURCE_DIR) +
                                                       "/tests/golden/audit_export.jsonl");
  EXPECT_EQ(ExportText(store, 2, note, verifier_key).value(), golden);
  const auto verified = VerifyText(golden, verifier_key);
  ASSERT_OK(verified);
  EXPECT_EQ(verified->first_time, "2026-02-01T00:00:01.000Z");
  EXPECT_EQ(verified->denials, 1U);
}

}  // namespace
}  // namespace keysvc::audit
