#include "pkcs11/unwrapping.h"

#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "crypto/public_key.h"
#include "pkcs11/mechanisms.h"
#include "pkcs11/oaep.h"
#include "pkcs11/return_code.h"
#include "pkcs11/wrapped_secret.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {
namespace {

constexpr std::string_view kTrial = "keysvc: a pair that unwraps is tried";
constexpr std::size_t kTrialSize = 32;
constexpr CK_ULONG kAes256Size = 32;

// What becomes of a secret; asked for again where a token has two names for a mechanism.
using Attributes = absl::FunctionRef<Template()>;

OaepHash HashOf(Wrapping wrapping) {
  const bool sha256 = wrapping == Wrapping::kRsaOaepSha256 || wrapping == Wrapping::kRsaAesSha256;
  return sha256 ? OaepHash::kSha256 : OaepHash::kSha1;
}

absl::Status OfUnwrapping(CK_RV code) {
  switch (code) {
    case CKR_WRAPPED_KEY_INVALID:
    case CKR_WRAPPED_KEY_LEN_RANGE:
    case CKR_ENCRYPTED_DATA_INVALID:
    case CKR_ENCRYPTED_DATA_LEN_RANGE:
    case CKR_DATA_INVALID:
    case CKR_DATA_LEN_RANGE:
    case CKR_KEY_SIZE_RANGE:
      return WrappedSecretInvalid();
    default:
      break;
  }
  if (IsRefusalOfMechanism(code)) {
    return Error(Reason::kAlgorithmUnsupported, "the token does not unwrap this way");
  }
  return ToStatus(code, "C_UnwrapKey");
}

absl::StatusOr<CK_OBJECT_HANDLE> UnwrapByCarrier(Session& session, CK_OBJECT_HANDLE carrier,
                                                 std::string_view wrapped, Attributes attributes) {
  // A token that does not tell the size says 0.
  ASSIGN_OR_RETURN(const CK_ULONG size, session.ReadNumber(carrier, CKA_VALUE_LEN));
  if (size != 0 && size != kAes256Size) return WrappedSecretInvalid();
  CK_OBJECT_HANDLE key = CK_INVALID_HANDLE;
  CK_RV code =
      session.UnwrapKey(carrier, {CKM_AES_KEY_WRAP_KWP, nullptr, 0}, wrapped, attributes(), key);
  // Its name before PKCS#11 v3.0, by which some tokens mean another padding: what is wrapped the
  // one way does not open the other.
  if (code == CKR_MECHANISM_INVALID) {
    code =
        session.UnwrapKey(carrier, {CKM_AES_KEY_WRAP_PAD, nullptr, 0}, wrapped, attributes(), key);
  }
  RETURN_IF_ERROR(OfUnwrapping(code));
  return key;
}

absl::StatusOr<CK_OBJECT_HANDLE> UnwrapAs(Session& session, CK_OBJECT_HANDLE private_half,
                                          const CK_MECHANISM& oaep, const WrappedParts& parts,
                                          Attributes attributes) {
  const bool by_aes = !parts.aes.empty();
  CK_OBJECT_HANDLE unwrapped = CK_INVALID_HANDLE;
  RETURN_IF_ERROR(OfUnwrapping(session.UnwrapKey(
      private_half, oaep, parts.rsa, by_aes ? CarrierKeyTemplate() : attributes(), unwrapped)));
  if (!by_aes) return unwrapped;
  auto key = UnwrapByCarrier(session, unwrapped, parts.aes, attributes);
  const absl::Status destroyed = session.Destroy(unwrapped);
  if (key.ok()) RETURN_IF_ERROR(destroyed);
  return key;
}

// Whether the token takes no key for HMAC-SHA-256 that is shorter than the hash.
absl::StatusOr<bool> RefusesShortKeys(Session& session) {
  Template attributes = TrialKeyTemplate();
  attributes.Number(CKA_VALUE_LEN, kAes256Size - 1);
  ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE trial,
                   session.GenerateKey(CKM_GENERIC_SECRET_KEY_GEN, std::move(attributes)));
  const absl::Status used =
      session.Sign(trial, SigningMechanism(Mechanism::kHmacSha256), kTrial).status();
  RETURN_IF_ERROR(session.Destroy(trial));
  if (used.ok()) return false;
  if (ReasonOf(used) == Reason::kAlgorithmUnsupported) return true;
  return used;
}

// That the secret is no shorter than an AES-256 key: AES takes shorter ones as well, none that are
// longer, and SoftHSM2 does not tell how long what it unwrapped is. WRAPPED_SECRET_INVALID for one
// that is; ALGORITHM_UNSUPPORTED by a token that gives no way to find out.
absl::Status CheckNotShort(Session& session, CK_OBJECT_HANDLE secret) {
  ASSIGN_OR_RETURN(const CK_ULONG size, session.ReadNumber(secret, CKA_VALUE_LEN));
  if (size != 0) return size < kAes256Size ? WrappedSecretInvalid() : absl::OkStatus();
  ASSIGN_OR_RETURN(const bool refuses, RefusesShortKeys(session));
  if (!refuses) {
    return Error(Reason::kAlgorithmUnsupported,
                 "the token does not tell how long what it unwrapped is");
  }
  const absl::Status used =
      session.Sign(secret, SigningMechanism(Mechanism::kHmacSha256), kTrial).status();
  return ReasonOf(used) == Reason::kAlgorithmUnsupported ? WrappedSecretInvalid() : used;
}

}  // namespace

absl::Status UnwrapSecret(Session& session, CK_OBJECT_HANDLE private_half, KeyKind unwrapping,
                          const WrappedSecret& secret, std::string_view label, KeyKind kind,
                          Restriction restriction) {
  const auto parts = PartsOf(secret, kind, FactsOf(unwrapping).bits / 8);
  if (!parts.has_value()) return WrappedSecretInvalid();
  const CK_MECHANISM oaep = OaepBy(HashOf(secret.wrapping));
  if (kind == KeyKind::kImportedAes256Cmac) {
    ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE measured,
                     UnwrapAs(session, private_half, oaep, *parts, &MeasuredKeyTemplate));
    const absl::Status checked = CheckNotShort(session, measured);
    const absl::Status destroyed = session.Destroy(measured);
    RETURN_IF_ERROR(checked);
    RETURN_IF_ERROR(destroyed);
  }
  return UnwrapAs(session, private_half, oaep, *parts,
                  [&] { return ImportedKeyTemplate(label, kind, restriction); })
      .status();
}

absl::Status ProveUnwrapping(Session& session, CK_OBJECT_HANDLE private_half,
                             CK_OBJECT_HANDLE public_half) {
  crypto::RsaNumbers numbers;
  ASSIGN_OR_RETURN(numbers.modulus, session.ReadBytes(public_half, CKA_MODULUS));
  ASSIGN_OR_RETURN(numbers.exponent, session.ReadBytes(public_half, CKA_PUBLIC_EXPONENT));
  Template attributes = TrialKeyTemplate();
  attributes.Number(CKA_VALUE_LEN, kTrialSize);
  ASSIGN_OR_RETURN(const CK_OBJECT_HANDLE trial,
                   session.GenerateKey(CKM_GENERIC_SECRET_KEY_GEN, std::move(attributes)));
  ASSIGN_OR_RETURN(const WrappedKey wrapped, WrapOaep(session, trial, numbers));
  const bool sha256 = wrapped.algorithm == NameOf(Wrapping::kRsaOaepSha256);
  CK_OBJECT_HANDLE opened = CK_INVALID_HANDLE;
  RETURN_IF_ERROR(
      ToStatus(session.UnwrapKey(private_half, OaepBy(sha256 ? OaepHash::kSha256 : OaepHash::kSha1),
                                 wrapped.bytes, TrialKeyTemplate(), opened),
               "C_UnwrapKey"));
  const CK_MECHANISM hmac = SigningMechanism(Mechanism::kHmacSha256);
  ASSIGN_OR_RETURN(const std::string expected, session.Sign(trial, hmac, kTrial));
  ASSIGN_OR_RETURN(const std::string tag, session.Sign(opened, hmac, kTrial));
  RETURN_IF_ERROR(session.Destroy(trial));
  RETURN_IF_ERROR(session.Destroy(opened));
  if (tag == expected) return absl::OkStatus();
  return Error(Reason::kHsmFailure, "the token opens what it wrapped to something else");
}

}  // namespace keysvc::pkcs11
