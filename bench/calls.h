#ifndef KEYSVC_BENCH_CALLS_H_
#define KEYSVC_BENCH_CALLS_H_

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "bench/clients.h"
#include "bench/load.h"
#include "bench/progress.h"
#include "tokenizer/profile.h"

namespace keysvc::v1 {
class Card;
}  // namespace keysvc::v1

namespace keysvc::bench {

inline constexpr std::size_t kBatch = 100;

// A signing key and something it signed.
struct SigningKey {
  std::string name;  // tenants/../keys/..
  std::string message;
  std::string signature;
  std::string public_key;  // SubjectPublicKeyInfo
};

// Makes a key that signs for the officer's tenant. `algorithm`: "ec-p256" or "rsa-2048". Errors are
// those of the service.
absl::StatusOr<SigningKey> MakeSigningKey(const Clients& clients, const std::string& tenant,
                                          const std::string& key, bool rsa);

// The calls that are measured, over cards of one run: `known` ones have tokens, the others follow.
// Outlives the load that makes its calls.
class Calls {
 public:
  // `profile`: tenants/../tokenProfiles/.., of the family.
  Calls(std::string profile, tokenizer::Family family, std::uint64_t first_card,
        std::uint64_t known);

  // Gives every known card its token, over the wire in batches, and says how far it has come.
  absl::Status Populate(const Clients& clients, const Progress& progress);

  Call TokenizeNew();
  Call TokenizeKnown();
  // A new card with a request id, whose answer is kept; and requests that were sent before.
  Call TokenizeOnce();
  Call TokenizeAgain();
  Call TokenizeNewBatch();
  Call TokenizeKnownBatch();
  Call Detokenize();
  Call DetokenizeBatch();
  static Call Sign(const SigningKey& key);
  static Call SignBatch(const SigningKey& key);
  static Call Verify(const SigningKey& key);
  static Call VerifyBatch(const SigningKey& key);
  // A call that is decided and recorded like any other and does next to nothing else.
  static Call GetPublicKey(const SigningKey& key);
  // The same bytes as a Tokenize, to a service that gives them back.
  Call Echo() const;

  const std::string& tenant() const { return tenant_; }
  std::uint64_t known() const { return known_; }

 private:
  std::uint64_t AnyOfKnown();
  grpc::ByteBuffer TokenizeBody(std::uint64_t card) const;
  // With the card's own request id.
  grpc::ByteBuffer TokenizeOnceBody(std::uint64_t card) const;
  // Of as many cards as a batch has, each one the next that `card` gives.
  grpc::ByteBuffer BatchBody(absl::FunctionRef<std::uint64_t()> card) const;
  void FillCard(v1::Card& card, std::uint64_t n) const;
  // What Detokenize is told where the token does not name its profile; else nothing.
  std::string ProfileOfDigits() const;

  const std::string profile_;
  const tokenizer::Family family_;
  const std::string tenant_;
  const std::uint64_t first_card_;
  const std::uint64_t known_;
  std::vector<std::string> names_;  // of the tokens of the known cards
  std::atomic<std::uint64_t> next_new_;
  std::atomic<std::uint64_t> next_known_ = 0;
};

}  // namespace keysvc::bench

#endif  // KEYSVC_BENCH_CALLS_H_
