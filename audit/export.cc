#include "audit/export.h"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "audit/canonical_json.h"
#include "audit/checkpoint.h"
#include "audit/export_format.h"
#include "audit/merkle.h"
#include "crypto/base64.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::audit {
namespace {

constexpr std::size_t kChunkSize = std::size_t{32} * 1024;
constexpr std::size_t kLeavesPerRead = 32;

std::string ManifestLine(const Checkpoint& checkpoint, std::uint64_t first, const Frontier& before,
                         std::string_view verifier_key) {
  std::string tree = "[";
  for (const std::string& hash : before.ToRow().hashes) {
    if (tree.size() > 1) tree += ',';
    AppendJsonString(tree, crypto::ToBase64(hash));
  }
  JsonObject manifest;
  manifest.Raw("first", std::to_string(first));
  manifest.Text("format", kExportFormat);
  manifest.Text("origin", checkpoint.origin);
  manifest.Raw("size", std::to_string(checkpoint.size));
  manifest.Raw("tree", tree + "]");
  manifest.Text("verifier_key", verifier_key);
  return manifest.Take() + "\n";
}

std::string RecordLine(const store::LeafRow& leaf) {
  JsonObject record;
  record.Raw("body", leaf.body);
  record.Text("body_salt", crypto::ToBase64(leaf.body_salt));
  record.Raw("header", leaf.header);
  record.Text("header_salt", crypto::ToBase64(leaf.header_salt));
  record.Raw("index", std::to_string(leaf.index));
  return record.Take() + "\n";
}

std::string CheckpointLine(std::string_view note) {
  JsonObject line;
  line.Text("checkpoint", note);
  return line.Take() + "\n";
}

// The tree before the first exported leaf: what lets the rest be proven without the leaves before.
absl::StatusOr<Frontier> TreeBefore(store::Store& store, std::uint64_t first) {
  Frontier tree;
  RETURN_IF_ERROR(store.VisitLeafHashes(
      0, first, [&tree](std::uint64_t, std::string_view hash) -> absl::Status {
        crypto::Sha256Digest digest;
        if (hash.size() != digest.size()) {
          return Error(Reason::kIntegrityFailure, "a leaf hash of the log is malformed");
        }
        std::ranges::copy(crypto::AsBytes(hash), digest.begin());
        tree.Append(digest);
        return absl::OkStatus();
      }));
  return tree;
}

}  // namespace

struct Exporter::Impl {
  store::Store& store;
  std::string note;
  std::string ready{};     // written, not yet given out
  std::uint64_t next = 0;  // the first leaf not yet written
  std::uint64_t size = 0;
  bool ended = false;
};

Exporter::Exporter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Exporter::~Exporter() = default;

absl::StatusOr<std::unique_ptr<Exporter>> Exporter::Create(store::Store& store, std::uint64_t first,
                                                           std::string checkpoint_note,
                                                           std::string verifier_key) {
  ASSIGN_OR_RETURN(const Checkpoint checkpoint, OpenCheckpoint(checkpoint_note, verifier_key));
  if (first > checkpoint.size) {
    return Error(Reason::kFieldInvalid, "the log does not reach the first index yet",
                 "first_index");
  }
  ASSIGN_OR_RETURN(const Frontier before, TreeBefore(store, first));
  auto impl = std::make_unique<Impl>(Impl{.store = store, .note = std::move(checkpoint_note)});
  impl->ready = ManifestLine(checkpoint, first, before, verifier_key);
  impl->next = first;
  impl->size = checkpoint.size;
  return std::unique_ptr<Exporter>(new Exporter(std::move(impl)));
}

absl::StatusOr<std::optional<std::string>> Exporter::Next() {
  Impl& impl = *impl_;
  while (!impl.ended && impl.ready.size() < kChunkSize) {
    if (impl.next == impl.size) {
      impl.ready += CheckpointLine(impl.note);
      impl.ended = true;
      break;
    }
    const std::uint64_t limit = std::min<std::uint64_t>(kLeavesPerRead, impl.size - impl.next);
    ASSIGN_OR_RETURN(const std::vector<store::LeafRow> leaves,
                     impl.store.ReadLeaves(impl.next, limit));
    if (leaves.empty()) return Error(Reason::kIntegrityFailure, "a leaf of the log is missing");
    for (const store::LeafRow& leaf : leaves) impl.ready += RecordLine(leaf);
    impl.next = leaves.back().index + 1;
  }
  if (impl.ready.empty()) return std::nullopt;
  return std::exchange(impl.ready, {});
}

}  // namespace keysvc::audit
