#include "keysvc/keys/jws_signature.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/ascii.h"
#include "crypto/base64.h"
#include "crypto/canonical.h"
#include "jose/jws.h"
#include "keysvc/keys/jwks.h"
#include "keysvc/keys/message_signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::size_t kLongestType = 64;

bool IsType(std::string_view text) {
  return text.size() <= kLongestType && std::all_of(text.begin(), text.end(), [](char c) {
           return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
                  std::string_view("+-./").find(c) != std::string_view::npos;
         });
}

}  // namespace

absl::StatusOr<std::string_view> JoseAlgOf(Algorithm algorithm) {
  constexpr std::array<std::string_view, 3> kByHash = {"PS256", "PS384", "PS512"};
  if (const auto hash = RsaHashOf(algorithm); hash.has_value()) {
    return kByHash.at(static_cast<std::size_t>(*hash));
  }
  if (algorithm == Algorithm::kEcP256) return "ES256";
  if (algorithm == Algorithm::kEcP384) return "ES384";
  if (algorithm == Algorithm::kEd25519) return "EdDSA";
  return Error(Reason::kAlgorithmUnsupported, "no JWS is signed with this algorithm");
}

absl::StatusOr<std::string_view> JwsAlgOf(const KeyParameters& parameters) {
  RETURN_IF_ERROR(CheckServes(parameters.purpose, {Purpose::kJws}));
  return JoseAlgOf(parameters.algorithm);
}

JwsSignature::JwsSignature(std::string payload, JwsOptions options)
    : payload_(std::move(payload)), options_(std::move(options)) {}

absl::Status JwsSignature::Check() const {
  RETURN_IF_ERROR(CheckMessage(payload_, "payload"));
  if (!IsType(options_.typ)) {
    return Error(Reason::kFieldInvalid, "a type is at most 64 of A-Z a-z 0-9 + - . /", "type");
  }
  if (options_.unencoded && !options_.detached) {
    return Error(Reason::kFieldInvalid, "a payload that is not encoded has to be detached",
                 "unencoded");
  }
  if (!options_.open_banking.has_value()) return absl::OkStatus();
  if (options_.without_issue_time) {
    return Error(Reason::kFieldInvalid, "Open Banking's header says when it was signed",
                 "without_issue_time");
  }
  return CheckOpenBankingHeader(*options_.open_banking);
}

std::string JwsSignature::FingerprintInput(const KeyName& key) const {
  crypto::CanonicalWriter text;
  text.Bytes(method())
      .U8(1)
      .Bytes(key.ToString())
      .Bytes(payload_)
      .Bytes(options_.typ)
      .U8(options_.detached ? 1 : 0)
      .U8(options_.unencoded ? 1 : 0)
      .U8(options_.without_issue_time ? 1 : 0);
  if (options_.with_certificates) text.U8(1);
  if (options_.open_banking.has_value()) {
    text.U8(2).Bytes(options_.open_banking->issuer).Bytes(options_.open_banking->trust_anchor);
  }
  return text.Take();
}

std::string JwsSignature::ToKept(std::string answer) const {
  const std::size_t from = answer.find('.') + 1;
  return answer.erase(from, answer.rfind('.') - from);
}

std::string JwsSignature::FromKept(std::string kept) const {
  if (options_.detached) return kept;
  return kept.insert(kept.find('.') + 1, crypto::ToBase64Url(payload_));
}

absl::StatusOr<SignatureFormat::Draft> JwsSignature::DraftFor(const KeyVersion& version,
                                                              PublicKeys& public_keys,
                                                              absl::Time now) const {
  ASSIGN_OR_RETURN(const std::string_view alg, JwsAlgOf(version.parameters));
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, RsaPadding::kPss));
  ASSIGN_OR_RETURN(const auto half, public_keys.Of(version));
  jose::Jws jws;
  jws.header.alg = alg;
  jws.header.kid = KidOf(version, *half);
  jws.header.typ = options_.typ;
  if (options_.open_banking.has_value()) {
    jws.header.open_banking = {.iat = absl::ToUnixSeconds(now),
                               .iss = options_.open_banking->issuer,
                               .tan = options_.open_banking->trust_anchor};
  } else if (!options_.without_issue_time) {
    jws.header.iat = absl::ToUnixSeconds(now);
  }
  if (options_.with_certificates) {
    ASSIGN_OR_RETURN(jws.header.x5c, ValidCertificatesOf(version, now));
    if (jws.header.x5c.empty()) {
      return Error(Reason::kCertificatesMissing, "the key has no certificates that are valid now");
    }
  }
  jws.header.b64 = !options_.unencoded;
  jws.protected_header = crypto::ToBase64Url(jose::ToJson(jws.header));
  if (!options_.detached) jws.payload = payload_;

  Draft draft{scheme, jose::SigningInput(jws.protected_header, jws.header.b64, payload_), {}};
  draft.finish = [jws = std::move(jws)](Raw raw) mutable -> absl::StatusOr<std::string> {
    // RFC 7518 section 3.4: r || s, which is what the HSM gives.
    jws.signature = std::move(raw.front());
    return jose::ToCompact(jws);
  };
  return draft;
}

}  // namespace keysvc::keys
