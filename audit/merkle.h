#ifndef KEYSVC_AUDIT_MERKLE_H_
#define KEYSVC_AUDIT_MERKLE_H_

#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/digest.h"
#include "store/rows.h"

namespace keysvc::audit {

// RFC 6962 hashing: leaf H(0x00 || data), node H(0x01 || left || right), empty tree H("").
crypto::Sha256Digest LeafHash(std::string_view data);
crypto::Sha256Digest NodeHash(const crypto::Sha256Digest& left, const crypto::Sha256Digest& right);

// The compact range [0, size) of a Merkle tree: the roots of its perfect subtrees, largest first. A
// value.
class Frontier {
 public:
  Frontier() = default;
  // DATA_LOSS/INTEGRITY_FAILURE when the number of hashes is not that of the set bits of `size`.
  static absl::StatusOr<Frontier> FromRow(const store::FrontierRow& row);
  store::FrontierRow ToRow() const;

  void Append(const crypto::Sha256Digest& leaf_hash);
  std::uint64_t size() const { return size_; }
  crypto::Sha256Digest Root() const;
  friend bool operator==(const Frontier&, const Frontier&) = default;

 private:
  std::uint64_t size_ = 0;
  std::vector<crypto::Sha256Digest> hashes_;
};

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_MERKLE_H_
