#include "keysvc/keys/partner_key_request.h"

#include <algorithm>
#include <bit>
#include <cstddef>

#include "absl/strings/ascii.h"
#include "crypto/key_document.h"
#include "crypto/public_key.h"
#include "keysvc/keys/http_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::size_t kLongestKid = 256;

// Of a number in big-endian bytes, of which the first is not 0.
std::size_t BitsOf(std::string_view number) {
  return 8 * (number.size() - 1) + std::bit_width(static_cast<unsigned char>(number.front()));
}

// nullopt for RSA keys of sizes that none of ours has.
std::optional<Algorithm> UsualAlgorithmOf(const crypto::PublicKey& key, Purpose purpose) {
  if (key.Ed25519Point().ok()) return Algorithm::kEd25519;
  if (key.P256Point().ok()) return Algorithm::kEcP256;
  if (key.P384Point().ok()) return Algorithm::kEcP384;
  const bool http = purpose == Purpose::kHttp;  // has the one hash
  switch (BitsOf(key.Rsa().value().modulus)) {
    case 2048:
      return http ? Algorithm::kRsa2048Sha512 : Algorithm::kRsa2048;
    case 3072:
      return http ? Algorithm::kRsa3072Sha512 : Algorithm::kRsa3072;
    case 4096:
      return http ? Algorithm::kRsa4096Sha512 : Algorithm::kRsa4096;
    default:
      return std::nullopt;
  }
}

absl::StatusOr<Algorithm> AlgorithmOf(const PartnerKeyRequest& request,
                                      const crypto::PublicKey& key) {
  if (!Signs(request.purpose) && request.purpose != Purpose::kSecretDelivery) {
    return Error(Reason::kFieldInvalid, "a partner's key is for signatures or what is delivered",
                 "purpose");
  }
  const std::optional<Algorithm> usual = UsualAlgorithmOf(key, request.purpose);
  if (!usual.has_value()) {
    return Error(Reason::kFieldInvalid, "an RSA key has 2048, 3072 or 4096 bits", "pem");
  }
  const Algorithm algorithm = request.algorithm.value_or(*usual);
  // Algorithms of one kind of key differ by the hash.
  if (HsmKindOf(algorithm) != HsmKindOf(*usual)) {
    return Error(Reason::kFieldInvalid, "the algorithm is not the key's", "algorithm");
  }
  const KeyParameters parameters{.purpose = request.purpose, .algorithm = algorithm};
  RETURN_IF_ERROR(CheckAlgorithm(request.purpose, algorithm));
  if (request.purpose == Purpose::kHttp && !HttpAlgOf(parameters).ok()) {
    return Error(Reason::kFieldInvalid, "RSA keys sign HTTP messages with SHA-512", "algorithm");
  }
  return algorithm;
}

absl::Status CheckKid(std::string_view kid) {
  if (kid.size() <= kLongestKid && std::all_of(kid.begin(), kid.end(), [](char c) {
        return absl::ascii_isgraph(static_cast<unsigned char>(c));
      })) {
    return absl::OkStatus();
  }
  return Error(Reason::kFieldInvalid, "a kid is at most 256 visible characters of ASCII", "kid");
}

absl::Status SetValidity(const PartnerKeyRequest& request,
                         const std::optional<crypto::KeyDocument::Validity>& given, absl::Time now,
                         PartnerKeyTerms& terms) {
  if (!given.has_value() && !request.not_after.has_value()) {
    return Error(Reason::kFieldRequired, "a key without a certificate needs an end",
                 "not_after_time");
  }
  terms.not_before = request.not_before.value_or(given.has_value() ? given->not_before : now);
  terms.not_after = request.not_after.has_value() ? *request.not_after : given->not_after;
  if (given.has_value() && terms.not_before < given->not_before) {
    return Error(Reason::kFieldInvalid, "the certificate begins later", "not_before_time");
  }
  if (given.has_value() && terms.not_after > given->not_after) {
    return Error(Reason::kFieldInvalid, "the certificate ends earlier", "not_after_time");
  }
  if (terms.not_after <= now || terms.not_after <= terms.not_before) {
    return Error(Reason::kFieldInvalid, "the end is over, or comes before the begin",
                 "not_after_time");
  }
  if (terms.not_after > now + kLongestTrust) {
    return Error(Reason::kFieldInvalid, "a partner's key is registered for at most 1095 days",
                 "not_after_time");
  }
  return absl::OkStatus();
}

absl::Time WholeMilliseconds(absl::Time time) {
  return absl::FromUnixMillis(absl::ToUnixMillis(time));
}

}  // namespace

absl::StatusOr<PartnerKeyTerms> TermsOf(const PartnerKeyRequest& request, absl::Time now) {
  const auto usage = request.purpose == Purpose::kSecretDelivery
                         ? crypto::KeyUsage::kKeyEncipherment
                         : crypto::KeyUsage::kDigitalSignature;
  ASSIGN_OR_RETURN(const crypto::KeyDocument document,
                   crypto::ReadKeyDocument(request.pem, "pem", usage));
  PartnerKeyTerms terms{.purpose = request.purpose,
                        .kid = request.kid,
                        .not_before = {},
                        .not_after = {},
                        .public_key = document.key->ToSpki()};
  ASSIGN_OR_RETURN(terms.algorithm, AlgorithmOf(request, *document.key));
  RETURN_IF_ERROR(CheckKid(terms.kid));
  RETURN_IF_ERROR(SetValidity(request, document.validity, now, terms));
  terms.not_before = WholeMilliseconds(terms.not_before);
  terms.not_after = WholeMilliseconds(terms.not_after);
  return terms;
}

}  // namespace keysvc::keys
