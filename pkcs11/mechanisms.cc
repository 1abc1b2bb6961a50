#include "pkcs11/mechanisms.h"

#include <algorithm>
#include <array>
#include <optional>

#include "crypto/digest.h"
#include "pkcs11/return_code.h"
#include "status/macros.h"

namespace keysvc::pkcs11 {
namespace {

constexpr std::array<CK_MECHANISM_TYPE, 1> kGcm = {CKM_AES_GCM};
constexpr std::array<CK_MECHANISM_TYPE, 1> kHmac = {CKM_SHA256_HMAC};
constexpr std::array<CK_MECHANISM_TYPE, 1> kHmac384 = {CKM_SHA384_HMAC};
constexpr std::array<CK_MECHANISM_TYPE, 1> kHmac512 = {CKM_SHA512_HMAC};
constexpr std::array<CK_MECHANISM_TYPE, 1> kCmac = {CKM_AES_CMAC};
constexpr std::array<CK_MECHANISM_TYPE, 1> kEcdsa = {CKM_ECDSA};
constexpr std::array<CK_MECHANISM_TYPE, 1> kEddsa = {CKM_EDDSA};
constexpr std::array<CK_MECHANISM_TYPE, 2> kRsa = {CKM_RSA_PKCS, CKM_RSA_PKCS_PSS};
constexpr std::array<CK_MECHANISM_TYPE, 1> kOaep = {CKM_RSA_PKCS_OAEP};

constexpr auto kKinds = std::to_array<KindFacts>({
    {KeyKind::kAes256Wrapping, CKO_SECRET_KEY, CKK_AES, 256, CKM_AES_KEY_GEN, kGcm},
    {KeyKind::kHmacSha256, CKO_SECRET_KEY, CKK_GENERIC_SECRET, 256, CKM_GENERIC_SECRET_KEY_GEN,
     kHmac},
    {KeyKind::kEcP256, CKO_PRIVATE_KEY, CKK_EC, 256, CKM_EC_KEY_PAIR_GEN, kEcdsa},
    {KeyKind::kEd25519, CKO_PRIVATE_KEY, CKK_EC_EDWARDS, 255, CKM_EC_EDWARDS_KEY_PAIR_GEN, kEddsa},
    {KeyKind::kRsa2048, CKO_PRIVATE_KEY, CKK_RSA, 2048, CKM_RSA_PKCS_KEY_PAIR_GEN, kRsa},
    {KeyKind::kRsa3072, CKO_PRIVATE_KEY, CKK_RSA, 3072, CKM_RSA_PKCS_KEY_PAIR_GEN, kRsa},
    {KeyKind::kRsa4096, CKO_PRIVATE_KEY, CKK_RSA, 4096, CKM_RSA_PKCS_KEY_PAIR_GEN, kRsa},
    {KeyKind::kEcP384, CKO_PRIVATE_KEY, CKK_EC, 384, CKM_EC_KEY_PAIR_GEN, kEcdsa},
    {KeyKind::kHmacSha384, CKO_SECRET_KEY, CKK_GENERIC_SECRET, 384, CKM_GENERIC_SECRET_KEY_GEN,
     kHmac384},
    {KeyKind::kHmacSha512, CKO_SECRET_KEY, CKK_GENERIC_SECRET, 512, CKM_GENERIC_SECRET_KEY_GEN,
     kHmac512},
    {KeyKind::kAes256Cmac, CKO_SECRET_KEY, CKK_AES, 256, CKM_AES_KEY_GEN, kCmac},
    {KeyKind::kRsa3072Unwrapping, CKO_PRIVATE_KEY, CKK_RSA, 3072, CKM_RSA_PKCS_KEY_PAIR_GEN, kOaep},
    {KeyKind::kRsa4096Unwrapping, CKO_PRIVATE_KEY, CKK_RSA, 4096, CKM_RSA_PKCS_KEY_PAIR_GEN, kOaep},
    // Of types that none of those has which the token makes.
    {KeyKind::kImportedHmacSha256, CKO_SECRET_KEY, CKK_SHA256_HMAC, 0, kNotGenerated, kHmac},
    {KeyKind::kImportedHmacSha384, CKO_SECRET_KEY, CKK_SHA384_HMAC, 0, kNotGenerated, kHmac384},
    {KeyKind::kImportedHmacSha512, CKO_SECRET_KEY, CKK_SHA512_HMAC, 0, kNotGenerated, kHmac512},
    // There is one type of AES keys only.
    {KeyKind::kImportedAes256Cmac, CKO_SECRET_KEY, CKK_AES, 256, kNotGenerated, kCmac},
});

CK_FLAGS UseOf(KeyKind kind) {
  if (kind == KeyKind::kAes256Wrapping) return CKF_ENCRYPT | CKF_DECRYPT;
  return Unwraps(kind) ? CKF_UNWRAP : CKF_SIGN;
}

constexpr bool InEnumOrder() {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (static_cast<std::size_t>(kKinds[i].kind) != i) return false;
  }
  return true;
}
static_assert(InEnumOrder());

// RFC 8017 section 9.2, note 1: DER of the DigestInfo of a digest, up to the digest.
constexpr std::string_view kSha256DigestInfo(
    "\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20", 19);
constexpr std::string_view kSha384DigestInfo(
    "\x30\x41\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02\x05\x00\x04\x30", 19);
constexpr std::string_view kSha512DigestInfo(
    "\x30\x51\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x03\x05\x00\x04\x40", 19);

CK_MECHANISM Pss(CK_RSA_PKCS_PSS_PARAMS& parameters) {
  return {CKM_RSA_PKCS_PSS, &parameters, sizeof(parameters)};
}

// PKCS#11 states the sizes of RSA and elliptic curves in bits, those of others in bytes and not by
// every token.
bool FitsSize(const CK_MECHANISM_INFO& info, const KindFacts& facts) {
  const bool in_bits = facts.type == CKK_RSA || facts.type == CKK_EC;
  if (!in_bits || info.ulMaxKeySize == 0) return true;
  return info.ulMinKeySize <= facts.bits && facts.bits <= info.ulMaxKeySize;
}

absl::StatusOr<std::vector<CK_MECHANISM_TYPE>> MechanismsOf(const CK_FUNCTION_LIST& functions,
                                                            CK_SLOT_ID slot) {
  CK_ULONG count = 0;
  RETURN_IF_ERROR(
      ToStatus(functions.C_GetMechanismList(slot, nullptr, &count), "C_GetMechanismList"));
  std::vector<CK_MECHANISM_TYPE> listed(count);
  RETURN_IF_ERROR(
      ToStatus(functions.C_GetMechanismList(slot, listed.data(), &count), "C_GetMechanismList"));
  listed.resize(count);
  return listed;
}

}  // namespace

std::span<const KindFacts> AllKinds() { return kKinds; }

const KindFacts& FactsOf(KeyKind kind) { return kKinds.at(static_cast<std::size_t>(kind)); }

absl::StatusOr<std::vector<KeyKind>> ProbeKinds(const CK_FUNCTION_LIST& functions,
                                                CK_SLOT_ID slot) {
  ASSIGN_OR_RETURN(const std::vector<CK_MECHANISM_TYPE> listed, MechanismsOf(functions, slot));
  const auto can = [&](CK_MECHANISM_TYPE mechanism, CK_FLAGS flags, const KindFacts& facts) {
    if (std::find(listed.begin(), listed.end(), mechanism) == listed.end()) return false;
    CK_MECHANISM_INFO info = {};
    return functions.C_GetMechanismInfo(slot, mechanism, &info) == CKR_OK &&
           (info.flags & flags) == flags && FitsSize(info, facts);
  };
  std::vector<KeyKind> kinds;
  for (const KindFacts& facts : kKinds) {
    const CK_FLAGS generate = IsPair(facts.kind) ? CKF_GENERATE_KEY_PAIR : CKF_GENERATE;
    if (can(facts.generate, generate, facts) &&
        std::all_of(facts.uses.begin(), facts.uses.end(), [&](CK_MECHANISM_TYPE mechanism) {
          return can(mechanism, UseOf(facts.kind), facts);
        })) {
      kinds.push_back(facts.kind);
    }
  }
  return kinds;
}

absl::StatusOr<bool> ProbeOaep(const CK_FUNCTION_LIST& functions, CK_SLOT_ID slot, CK_FLAGS role) {
  ASSIGN_OR_RETURN(const std::vector<CK_MECHANISM_TYPE> listed, MechanismsOf(functions, slot));
  CK_MECHANISM_INFO info = {};
  return std::find(listed.begin(), listed.end(), CKM_RSA_PKCS_OAEP) != listed.end() &&
         functions.C_GetMechanismInfo(slot, CKM_RSA_PKCS_OAEP, &info) == CKR_OK &&
         (info.flags & role) != 0;
}

CK_MECHANISM SigningMechanism(Mechanism mechanism) {
  // The salt is as long as the hash.
  static CK_RSA_PKCS_PSS_PARAMS pss256 = {CKM_SHA256, CKG_MGF1_SHA256, 32};
  static CK_RSA_PKCS_PSS_PARAMS pss384 = {CKM_SHA384, CKG_MGF1_SHA384, 48};
  static CK_RSA_PKCS_PSS_PARAMS pss512 = {CKM_SHA512, CKG_MGF1_SHA512, 64};
  switch (mechanism) {
    case Mechanism::kEcdsaP256Sha256:
    case Mechanism::kEcdsaP384Sha384:
      return {CKM_ECDSA, nullptr, 0};
    case Mechanism::kEd25519:
      return {CKM_EDDSA, nullptr, 0};
    case Mechanism::kRsaPkcs1Sha256:
    case Mechanism::kRsaPkcs1Sha384:
    case Mechanism::kRsaPkcs1Sha512:
      return {CKM_RSA_PKCS, nullptr, 0};
    case Mechanism::kRsaPssSha256:
      return Pss(pss256);
    case Mechanism::kRsaPssSha384:
      return Pss(pss384);
    case Mechanism::kRsaPssSha512:
      return Pss(pss512);
    case Mechanism::kHmacSha256:
      return {CKM_SHA256_HMAC, nullptr, 0};
    case Mechanism::kHmacSha384:
      return {CKM_SHA384_HMAC, nullptr, 0};
    case Mechanism::kHmacSha512:
      return {CKM_SHA512_HMAC, nullptr, 0};
    case Mechanism::kAesCmac:
      return {CKM_AES_CMAC, nullptr, 0};
  }
  return {};
}

std::string SigningInput(Mechanism mechanism, std::string_view message) {
  const std::optional<crypto::HashAlgorithm> hash = HashOf(mechanism);
  if (!hash.has_value()) return std::string(message);
  return DigestSigningInput(mechanism, crypto::HashOf(*hash, message));
}

std::string DigestSigningInput(Mechanism mechanism, std::string_view digest) {
  switch (mechanism) {
    case Mechanism::kRsaPkcs1Sha256:
      return std::string(kSha256DigestInfo).append(digest);
    case Mechanism::kRsaPkcs1Sha384:
      return std::string(kSha384DigestInfo).append(digest);
    case Mechanism::kRsaPkcs1Sha512:
      return std::string(kSha512DigestInfo).append(digest);
    default:
      return std::string(digest);
  }
}

}  // namespace keysvc::pkcs11
