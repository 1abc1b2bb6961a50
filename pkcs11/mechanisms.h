#ifndef KEYSVC_PKCS11_MECHANISMS_H_
#define KEYSVC_PKCS11_MECHANISMS_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/hsm.h"

namespace keysvc::pkcs11 {

// The token makes no such keys.
inline constexpr CK_MECHANISM_TYPE kNotGenerated = CK_UNAVAILABLE_INFORMATION;

// What a kind of key is in PKCS#11.
struct KindFacts {
  KeyKind kind;
  CK_OBJECT_CLASS object_class;  // of the half that stays secret
  CK_KEY_TYPE type;
  CK_ULONG bits;                            // 0: keys of the kind differ in size
  CK_MECHANISM_TYPE generate;               // kNotGenerated of what is imported
  std::span<const CK_MECHANISM_TYPE> uses;  // CKA_ALLOWED_MECHANISMS
};

// The whole table, in enum order.
std::span<const KindFacts> AllKinds();
const KindFacts& FactsOf(KeyKind kind);

inline bool IsPair(KeyKind kind) { return FactsOf(kind).object_class == CKO_PRIVATE_KEY; }

// The kinds that the token in `slot` can both generate and use, by its own mechanism list.
absl::StatusOr<std::vector<KeyKind>> ProbeKinds(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot);

// Whether it can do RSA-OAEP in this role (CKF_WRAP: for others, CKF_UNWRAP: what others wrapped),
// by its own mechanism list.
absl::StatusOr<bool> ProbeOaep(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, CK_FLAGS role);

// The mechanism with its parameters. The memory it points to is static.
CK_MECHANISM SigningMechanism(Mechanism mechanism);

// What C_Sign gets for `message`: its hash (for ECDSA and RSA-PSS), the DigestInfo of that (RFC
// 8017 section 9.2, for PKCS #1 v1.5), or the message itself (Ed25519 and MACs).
std::string SigningInput(Mechanism mechanism, std::string_view message);
// The same for the hash of a message, which CheckDigest() has passed.
std::string DigestSigningInput(Mechanism mechanism, std::string_view digest);

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_MECHANISMS_H_
