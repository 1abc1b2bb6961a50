#ifndef KEYSVC_TOKENIZER_TOKEN_READER_H_
#define KEYSVC_TOKENIZER_TOKEN_READER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "crypto/aead.h"
#include "crypto/aes_block.h"
#include "crypto/ff1.h"
#include "crypto/mac.h"
#include "policy/gate.h"
#include "store/store.h"
#include "tokenizer/key_source.h"
#include "tokenizer/opaque_token.h"
#include "tokenizer/profile.h"
#include "tokenizer/token_row.h"
#include "tokenizer/tokenizer.h"

namespace keysvc::tokenizer {

// A token that may be read, and how.
struct ReadToken {
  const Profile* profile = nullptr;
  std::optional<store::TokenRow> row;  // none: the card was computed
  std::uint32_t ff1_version = 0;       // of the key that did it
  CardData card;
  policy::Reveal reveal = policy::Reveal::kLastFour;
  std::string rule;  // that allowed the token's profile
};

struct TokenReading {
  std::string name;     // of a genuine token, else empty
  std::string profile;  // resource name, when known
  absl::StatusOr<ReadToken> token = absl::UnknownError("");
};

// Reads the tokens of one call: decodes them, asks the gate for each profile once, and only then
// looks at the rows, all at once, or computes the cards. Not thread-safe; one call's.
class TokenReader {
 public:
  TokenReader(const Profiles& profiles, KeySource& keys, store::Store& store,
              const policy::Gate& gate, const policy::Permit& permit, std::string tenant);

  // One reading per name, in order. The outer error is the store's.
  absl::StatusOr<std::vector<TokenReading>> Read(
      const std::vector<absl::StatusOr<TokenName>>& names);

 private:
  // What is known of a token before its row is read, or its card computed.
  struct Allowed {
    TokenContent content;  // opaque tokens only
    std::uint32_t key_version = 0;
    const Profile* profile = nullptr;
    const policy::Permit* permit = nullptr;
  };

  absl::StatusOr<Allowed> Allow(const TokenName& name, TokenReading& reading);
  // By the profile that the caller says.
  absl::StatusOr<Allowed> AllowNamed(const TokenName& name, TokenReading& reading);
  const absl::StatusOr<policy::Permit>& PermitFor(const std::string& profile);
  absl::StatusOr<TokenContent> Decode(const TokenName& name, std::uint32_t version);
  absl::StatusOr<ReadToken> Open(const Allowed& allowed, std::optional<store::TokenRow> row);
  absl::StatusOr<ReadToken> Compute(const TokenName& name, const Allowed& allowed,
                                    TokenReading& reading);

  const Profiles& profiles_;
  KeySource& keys_;
  store::Store& store_;
  const policy::Gate& gate_;
  const policy::Permit& permit_;
  std::string tenant_;
  std::map<std::string, absl::StatusOr<policy::Permit>> narrowed_;  // by profile
  // Asked of the key source once for the call, not for each token: finding a key and judging its
  // state costs more than using it.
  std::map<std::uint32_t, std::shared_ptr<const crypto::Aes256Block>> token_keys_;
  std::map<const Profile*, Versioned<crypto::Ff1>> ff1_keys_;
  std::shared_ptr<const crypto::HmacSha256> row_mac_;
  std::map<std::pair<std::uint16_t, std::uint32_t>, std::shared_ptr<const crypto::Aes256Gcm>>
      data_keys_;  // by profile and version
};

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_TOKEN_READER_H_
