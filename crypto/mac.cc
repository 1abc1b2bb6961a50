#include "crypto/mac.h"

#include <openssl/core_names.h>
#include <openssl/params.h>

#include <utility>

#include "crypto/context_pool.h"
#include "crypto/openssl_handle.h"
#include "status/reason.h"

namespace keysvc::crypto {

struct HmacSha256::Impl {
  // Keyed and never used itself; contexts in use are its duplicates.
  MacContext keyed;
  ContextPool<MacContext> pool;
};

HmacSha256::HmacSha256(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
HmacSha256::~HmacSha256() = default;

absl::StatusOr<std::unique_ptr<HmacSha256>> HmacSha256::Create(const SecretKey<32>& key) {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  char digest[] = "SHA256";
  const OSSL_PARAM params[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end(),
  };
  const ByteView bytes = key.Expose(SecretAccess::kGranted);
  auto impl = std::make_unique<Impl>();
  impl->keyed.reset(EVP_MAC_CTX_new(hmac));
  if (impl->keyed == nullptr ||
      EVP_MAC_init(impl->keyed.get(), bytes.data(), bytes.size(), params) != 1) {
    return Error(Reason::kInternal, "cannot prepare HMAC-SHA-256");
  }
  return std::unique_ptr<HmacSha256>(new HmacSha256(std::move(impl)));
}

Sha256Digest HmacSha256::Compute(ByteView message) const {
  Sha256Digest tag;
  Require(impl_->pool.With([this] { return MacContext(EVP_MAC_CTX_dup(impl_->keyed.get())); },
                           [&](EVP_MAC_CTX* context) {
                             std::size_t size = 0;
                             return EVP_MAC_init(context, nullptr, 0, nullptr) == 1 &&
                                    EVP_MAC_update(context, message.data(), message.size()) == 1 &&
                                    EVP_MAC_final(context, tag.data(), &size, tag.size()) == 1 &&
                                    size == tag.size();
                           }));
  return tag;
}

bool HmacSha256::Verify(std::string_view message, std::string_view tag) const {
  return EqualInConstantTime(Compute(message), AsBytes(tag));
}

}  // namespace keysvc::crypto
