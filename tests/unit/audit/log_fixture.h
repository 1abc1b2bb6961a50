#ifndef KEYSVC_TESTS_UNIT_AUDIT_LOG_FIXTURE_H_
#define KEYSVC_TESTS_UNIT_AUDIT_LOG_FIXTURE_H_

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "audit/export.h"
#include "audit/journal.h"
#include "audit/verifier.h"
#include "gtest/gtest.h"
#include "tests/fakes/memory_store.h"
#include "tests/fakes/software_signer.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc::testing {

inline audit::Entry SomeEntry(std::string request_id = "") {
  audit::Entry entry;
  entry.action = "TokenService.Tokenize";
  entry.actor = "checkout";
  entry.profile = "cards";
  entry.request_id = std::move(request_id);
  return entry;
}

// Inserts a key version: a second one of the same name conflicts.
inline store::Mutation NewKey(std::string name) {
  store::KeyVersionRow row;
  row.tenant = "acme";
  row.key = std::move(name);
  row.version = 1;
  row.revision = 1;
  store::Mutation mutation;
  mutation.keys.push_back(std::move(row));
  return mutation;
}

inline absl::StatusOr<std::string> ExportText(store::Store& store, std::uint64_t first,
                                              const std::string& note,
                                              const std::string& verifier_key) {
  auto exporter = audit::Exporter::Create(store, first, note, verifier_key);
  if (!exporter.ok()) return exporter.status();
  std::string text;
  while (true) {
    auto lines = (*exporter)->Next();
    if (!lines.ok()) return lines.status();
    if (!lines->has_value()) return text;
    text += **lines;
  }
}

inline absl::StatusOr<audit::Verified> VerifyText(
    const std::string& text, const std::string& verifier_key,
    std::optional<std::string_view> outside = std::nullopt) {
  std::istringstream lines(text);
  return audit::VerifyExport(lines, verifier_key, outside);
}

// Collects the answers of submissions, and counts how often each was answered.
class Answers {
 public:
  audit::Journal::Callback Next() {
    const std::lock_guard lock(mutex_);
    const std::size_t slot = count_++;
    return [this, slot](absl::StatusOr<audit::Receipt> receipt) {
      const std::lock_guard inner(mutex_);
      answers_.emplace_back(slot, std::move(receipt));
      changed_.notify_all();
    };
  }
  // Blocks until `count` are there.
  void Await(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return answers_.size() >= count; });
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return answers_.size();
  }
  // The only answer of a submission, in the order of Next().
  absl::Status StatusAt(std::size_t slot) const {
    const std::lock_guard lock(mutex_);
    const absl::Status* found = nullptr;
    for (const auto& [answered, receipt] : answers_) {
      if (answered != slot) continue;
      EXPECT_EQ(found, nullptr) << "answered twice";
      found = &receipt.status();
    }
    EXPECT_NE(found, nullptr) << "not answered";
    return found == nullptr ? absl::UnknownError("none") : *found;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t count_ = 0;
  std::vector<std::pair<std::size_t, absl::StatusOr<audit::Receipt>>> answers_;
};

// A journal over a store in memory.
class LogTest : public ::testing::Test {
 protected:
  LogTest() {
    options_.origin = "keysvc.example/test";
    options_.checkpoint_directory = folder_.path();
    options_.checkpoint_interval = absl::Hours(1);
  }

  absl::StatusOr<std::unique_ptr<audit::Journal>> TryStart() {
    return audit::Journal::Start(store_, *signer_, options_);
  }
  std::unique_ptr<audit::Journal> Start() {
    auto journal = TryStart();
    EXPECT_OK(journal);
    // The first checkpoint is made at once, on a thread of its own: after it the log is quiet.
    EXPECT_OK((*journal)->CheckpointNow());
    return *std::move(journal);
  }

  std::vector<std::string> Actions() {
    std::vector<std::string> actions;
    for (const auto& [index, leaf] : store_.Snapshot().leaves) {
      const std::size_t start = std::string(R"({"action":")").size();
      actions.push_back(leaf.header.substr(start, leaf.header.find('"', start) - start));
    }
    return actions;
  }

  absl::StatusOr<audit::Verified> ExportAndVerify(audit::Journal& journal) {
    auto note = journal.CheckpointNow();
    if (!note.ok()) return note.status();
    auto text = ExportText(store_, 0, *note, journal.verifier_key());
    if (!text.ok()) return text.status();
    return VerifyText(*text, journal.verifier_key(), *note);
  }

  TemporaryDirectory folder_;
  MemoryStore store_;
  std::unique_ptr<SoftwareSigner> signer_ = SoftwareSigner::Ed25519();
  audit::JournalOptions options_;
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_UNIT_AUDIT_LOG_FIXTURE_H_
