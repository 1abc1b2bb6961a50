#include "bench/verify_ceiling.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/time/clock.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "crypto/openssl_handle.h"

namespace keysvc::bench {
namespace {

crypto::PkeyHandle KeyOf(const std::string& spki) {
  const unsigned char* in = crypto::AsBytes(spki).data();
  return crypto::PkeyHandle(d2i_PUBKEY(nullptr, &in, static_cast<long>(spki.size())));
}

// nullptr for algorithms that are not measured.
crypto::PkeyContext ContextFor(EVP_PKEY* key, crypto::SignatureAlgorithm algorithm) {
  const bool pss = algorithm == crypto::SignatureAlgorithm::kRsaPssSha256;
  if (!pss && algorithm != crypto::SignatureAlgorithm::kEcdsaP256Sha256) return nullptr;
  crypto::PkeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  const bool ready =
      context != nullptr && EVP_PKEY_verify_init(context.get()) == 1 &&
      (!pss || EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_PSS_PADDING) == 1) &&
      EVP_PKEY_CTX_set_signature_md(context.get(), EVP_sha256()) == 1 &&
      (!pss || EVP_PKEY_CTX_set_rsa_pss_saltlen(context.get(), RSA_PSS_SALTLEN_DIGEST) == 1);
  return ready ? std::move(context) : nullptr;
}

}  // namespace

absl::StatusOr<double> MeasureVerifications(const SigningKey& key,
                                            crypto::SignatureAlgorithm algorithm,
                                            absl::Duration time) {
  const crypto::PkeyHandle public_key = KeyOf(key.public_key);
  const std::string digest = crypto::HashOf(crypto::HashAlgorithm::kSha256, key.message);
  const auto bytes_of = [](const std::string& text) { return crypto::AsBytes(text).data(); };
  std::vector<crypto::PkeyContext> contexts;
  const unsigned processors = std::max(1U, std::thread::hardware_concurrency());
  for (unsigned i = 0; i < processors; ++i) {
    contexts.push_back(public_key == nullptr ? nullptr : ContextFor(public_key.get(), algorithm));
    if (contexts.back() == nullptr) return absl::UnavailableError("OpenSSL has no such check");
  }
  std::atomic<bool> stopping = false;
  std::atomic<bool> right = true;
  std::atomic<std::uint64_t> checked = 0;
  const auto check = [&](EVP_PKEY_CTX* context) {
    std::uint64_t mine = 0;
    // At least one, however short the time.
    do {
      ++mine;
      if (EVP_PKEY_verify(context, bytes_of(key.signature), key.signature.size(), bytes_of(digest),
                          digest.size()) != 1) {
        right = false;
      }
    } while (!stopping.load(std::memory_order_relaxed));
    checked += mine;
  };
  const auto began = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  threads.reserve(contexts.size());
  for (const crypto::PkeyContext& context : contexts) threads.emplace_back(check, context.get());
  absl::SleepFor(time);
  stopping = true;
  for (std::thread& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
  if (!right) return absl::UnavailableError("a signature of the service does not verify");
  return static_cast<double>(checked.load()) / took.count();
}

}  // namespace keysvc::bench
