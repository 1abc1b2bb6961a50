#include "audit/merkle.h"

#include <algorithm>
#include <bit>
#include <string>

#include "status/reason.h"

namespace keysvc::audit {
namespace {

// RFC 6962 section 2.1: different first bytes, so that no leaf can pass for a node.
constexpr std::string_view kLeafPrefix("\x00", 1);
constexpr std::string_view kNodePrefix("\x01", 1);

}  // namespace

crypto::Sha256Digest LeafHash(std::string_view data) { return crypto::Sha256({kLeafPrefix, data}); }

crypto::Sha256Digest NodeHash(const crypto::Sha256Digest& left, const crypto::Sha256Digest& right) {
  return crypto::Sha256({kNodePrefix, crypto::AsText(left), crypto::AsText(right)});
}

absl::StatusOr<Frontier> Frontier::FromRow(const store::FrontierRow& row) {
  if (row.hashes.size() != static_cast<std::size_t>(std::popcount(row.size))) {
    return Error(Reason::kIntegrityFailure, "the tree's frontier does not fit its size");
  }
  Frontier frontier;
  frontier.size_ = row.size;
  for (const std::string& hash : row.hashes) {
    crypto::Sha256Digest digest;
    if (hash.size() != digest.size()) {
      return Error(Reason::kIntegrityFailure, "the tree's frontier holds what is no hash");
    }
    std::ranges::copy(crypto::AsBytes(hash), digest.begin());
    frontier.hashes_.push_back(digest);
  }
  return frontier;
}

store::FrontierRow Frontier::ToRow() const {
  store::FrontierRow row;
  row.size = size_;
  for (const crypto::Sha256Digest& hash : hashes_) row.hashes.emplace_back(crypto::AsText(hash));
  return row;
}

void Frontier::Append(const crypto::Sha256Digest& leaf_hash) {
  crypto::Sha256Digest hash = leaf_hash;
  // Each set bit at the low end is a perfect subtree as large as the one just completed.
  for (std::uint64_t rest = size_; (rest & 1) != 0; rest >>= 1) {
    hash = NodeHash(hashes_.back(), hash);
    hashes_.pop_back();
  }
  hashes_.push_back(hash);
  ++size_;
}

crypto::Sha256Digest Frontier::Root() const {
  if (hashes_.empty()) return crypto::Sha256("");
  crypto::Sha256Digest root = hashes_.back();
  for (auto left = hashes_.rbegin() + 1; left != hashes_.rend(); ++left) {
    root = NodeHash(*left, root);
  }
  return root;
}

}  // namespace keysvc::audit
