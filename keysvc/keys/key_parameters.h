#ifndef KEYSVC_KEYSVC_KEYS_KEY_PARAMETERS_H_
#define KEYSVC_KEYSVC_KEYS_KEY_PARAMETERS_H_

#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"
#include "pkcs11/hsm.h"

namespace keysvc::keys {

// What a key is for; fixed with its first version.
enum class Purpose { kSign, kMac, kData, kIndex, kToken, kRowMac, kRequest };
enum class Algorithm { kEcP256, kRsa2048, kRsa3072, kHmacSha256, kAes256 };
enum class Protection { kHsm, kEnvelope };
// SP 800-57 part 1, section 7.
enum class KeyState { kPreActivation, kActive, kSuspended, kDeactivated, kCompromised, kDestroyed };

// The words in rows, records and on the wire ("sign", "EC-P256", "hsm", "active").
std::string_view NameOf(Purpose purpose);
std::string_view NameOf(Algorithm algorithm);
std::string_view NameOf(Protection protection);
std::string_view NameOf(KeyState state);
std::optional<Purpose> PurposeNamed(std::string_view name);
std::optional<Algorithm> AlgorithmNamed(std::string_view name);
std::optional<Protection> ProtectionNamed(std::string_view name);
std::optional<KeyState> KeyStateNamed(std::string_view name);

// Everything about a key version that is not random.
struct KeyParameters {
  Purpose purpose = Purpose::kSign;
  Algorithm algorithm = Algorithm::kEcP256;
  Protection protection = Protection::kHsm;
  absl::Duration
      cryptoperiod;  // the originator-usage period, 1 day .. 3 years (SP 800-57, table 1)
};

// The state x operation matrix of SP 800-57 (docs/formats.md): apply protection (encrypt, sign,
// MAC, wrap), process what is protected (decrypt, verify, unwrap).
enum class Use { kApply, kProcess };
bool Allows(KeyState state, Use use);

std::optional<pkcs11::KeyKind> HsmKindOf(Algorithm algorithm);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_KEY_PARAMETERS_H_
