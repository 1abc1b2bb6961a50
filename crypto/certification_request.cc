#include "crypto/certification_request.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "crypto/openssl_handle.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

using RequestHandle = std::unique_ptr<X509_REQ, OpenSslDeleter<X509_REQ_free>>;
using AlgorithmHandle = std::unique_ptr<X509_ALGOR, OpenSslDeleter<X509_ALGOR_free>>;
using BitStringHandle = std::unique_ptr<ASN1_BIT_STRING, OpenSslDeleter<ASN1_BIT_STRING_free>>;
using NamesHandle = std::unique_ptr<GENERAL_NAMES, OpenSslDeleter<GENERAL_NAMES_free>>;
using ExtensionsHandle =
    std::unique_ptr<STACK_OF(X509_EXTENSION), OpenSslDeleter<[](STACK_OF(X509_EXTENSION) * all) {
                      sk_X509_EXTENSION_pop_free(all, X509_EXTENSION_free);
                    }>>;

constexpr std::size_t kMostNames = 100;
constexpr std::size_t kLongestHost = 253;
constexpr std::size_t kLongestLabel = 63;

struct Attribute {
  int nid;
  const char* field;
  std::string CertificateSubject::*value;
  std::size_t longest;
};
constexpr auto kAttributes = std::to_array<Attribute>({
    {NID_countryName, "subject.country", &CertificateSubject::country, 2},
    {NID_stateOrProvinceName, "subject.state", &CertificateSubject::state, 128},
    {NID_localityName, "subject.locality", &CertificateSubject::locality, 128},
    {NID_organizationName, "subject.organization", &CertificateSubject::organization, 64},
    {NID_organizationalUnitName, "subject.organizational_unit",
     &CertificateSubject::organizational_unit, 64},
    {NID_commonName, "subject.common_name", &CertificateSubject::common_name, 64},
});

bool HasControls(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

bool IsHostLabel(std::string_view label) {
  return !label.empty() && label.size() <= kLongestLabel && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
           return c == '-' || absl::ascii_isalnum(static_cast<unsigned char>(c));
         });
}

bool IsHost(std::string_view name) {
  if (name.size() > kLongestHost) return false;
  if (name.starts_with("*.")) name.remove_prefix(2);
  const std::vector<std::string> labels = absl::StrSplit(ToAbsl(name), '.');
  return std::all_of(labels.begin(), labels.end(), IsHostLabel);
}

int NidOf(SignatureAlgorithm algorithm) {
  switch (algorithm) {
    case SignatureAlgorithm::kEcdsaP256Sha256:
      return NID_ecdsa_with_SHA256;
    case SignatureAlgorithm::kEcdsaP384Sha384:
      return NID_ecdsa_with_SHA384;
    case SignatureAlgorithm::kRsaPkcs1Sha256:
      return NID_sha256WithRSAEncryption;
    case SignatureAlgorithm::kRsaPkcs1Sha384:
      return NID_sha384WithRSAEncryption;
    case SignatureAlgorithm::kRsaPkcs1Sha512:
      return NID_sha512WithRSAEncryption;
    case SignatureAlgorithm::kEd25519:
      return NID_ED25519;
    // Their parameters would have to be written out (RFC 4055), and authorities take the others.
    case SignatureAlgorithm::kRsaPssSha256:
    case SignatureAlgorithm::kRsaPssSha384:
    case SignatureAlgorithm::kRsaPssSha512:
      break;
  }
  return NID_undef;
}

bool IsRsa(SignatureAlgorithm algorithm) {
  return algorithm == SignatureAlgorithm::kRsaPkcs1Sha256 ||
         algorithm == SignatureAlgorithm::kRsaPkcs1Sha384 ||
         algorithm == SignatureAlgorithm::kRsaPkcs1Sha512;
}

absl::Status SetSubject(const CertificateSubject& subject, X509_REQ* request) {
  X509_NAME* name = X509_REQ_get_subject_name(request);
  for (const Attribute& attribute : kAttributes) {
    const std::string& value = subject.*attribute.value;
    if (value.empty()) continue;
    const bool added =
        X509_NAME_add_entry_by_NID(name, attribute.nid, MBSTRING_UTF8,
                                   reinterpret_cast<const unsigned char*>(value.data()),
                                   static_cast<int>(value.size()), -1, 0) == 1;
    ERR_clear_error();
    if (!added) return Error(Reason::kFieldInvalid, "it cannot be in a name", attribute.field);
  }
  return absl::OkStatus();
}

void SetDnsNames(const std::vector<std::string>& dns_names, X509_REQ* request) {
  if (dns_names.empty()) return;
  const NamesHandle names(GENERAL_NAMES_new());
  for (const std::string& dns_name : dns_names) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    Require(ASN1_STRING_set(text, dns_name.data(), static_cast<int>(dns_name.size())) == 1);
    GENERAL_NAME* name = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(name, GEN_DNS, text);
    Require(sk_GENERAL_NAME_push(names.get(), name) > 0);
  }
  STACK_OF(X509_EXTENSION)* added = nullptr;
  Require(X509V3_add1_i2d(&added, NID_subject_alt_name, names.get(), 0, 0) == 1);
  const ExtensionsHandle extensions(added);
  Require(X509_REQ_add_extensions(request, extensions.get()) == 1);
}

// `write` is an i2d function of OpenSSL.
std::string ToDer(X509_REQ* request, int (*write)(X509_REQ*, unsigned char**)) {
  unsigned char* der = nullptr;
  const int size = write(request, &der);
  Require(size > 0);
  std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

}  // namespace

absl::Status CheckSubject(const CertificateSubject& subject) {
  if (subject.common_name.empty()) {
    return Error(Reason::kFieldRequired, "the common name is required", "subject.common_name");
  }
  for (const Attribute& attribute : kAttributes) {
    const std::string& value = subject.*attribute.value;
    if (value.size() <= attribute.longest && !HasControls(value)) continue;
    return Error(Reason::kFieldInvalid, "it is too long or has control characters",
                 attribute.field);
  }
  const std::string& country = subject.country;
  if (!country.empty() &&
      (country.size() != 2 ||
       !std::all_of(country.begin(), country.end(), [](char c) { return c >= 'A' && c <= 'Z'; }))) {
    return Error(Reason::kFieldInvalid, "a country is two capital letters", "subject.country");
  }
  if (subject.dns_names.size() > kMostNames ||
      !std::all_of(subject.dns_names.begin(), subject.dns_names.end(), IsHost)) {
    return Error(Reason::kFieldInvalid, "at most 100 names of hosts", "subject.dns_names");
  }
  return absl::OkStatus();
}

struct CertificationRequest::Impl {
  RequestHandle request;
  SignatureAlgorithm algorithm;
};

CertificationRequest::CertificationRequest(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {
  to_be_signed_ = ToDer(impl_->request.get(), i2d_re_X509_REQ_tbs);
}
CertificationRequest::~CertificationRequest() = default;

absl::StatusOr<std::unique_ptr<CertificationRequest>> CertificationRequest::Create(
    const CertificateSubject& subject, const PublicKey& key, SignatureAlgorithm algorithm) {
  if (NidOf(algorithm) == NID_undef) {
    return Error(Reason::kAlgorithmUnsupported, "requests are not signed with this algorithm");
  }
  auto impl = std::make_unique<Impl>(Impl{RequestHandle(X509_REQ_new()), algorithm});
  X509_REQ* request = impl->request.get();
  // Version 1 is written 0 (RFC 2986 section 4.1).
  Require(request != nullptr && X509_REQ_set_version(request, X509_REQ_VERSION_1) == 1);
  RETURN_IF_ERROR(SetSubject(subject, request));
  const std::string spki = key.ToSpki();
  const auto* in = reinterpret_cast<const unsigned char*>(spki.data());
  const PkeyHandle pkey(d2i_PUBKEY(nullptr, &in, static_cast<long>(spki.size())));
  Require(pkey != nullptr && X509_REQ_set_pubkey(request, pkey.get()) == 1);
  SetDnsNames(subject.dns_names, request);
  return std::unique_ptr<CertificationRequest>(new CertificationRequest(std::move(impl)));
}

std::string CertificationRequest::WithSignature(std::string_view signature) const {
  const AlgorithmHandle algorithm(X509_ALGOR_new());
  Require(X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(NidOf(impl_->algorithm)),
                          IsRsa(impl_->algorithm) ? V_ASN1_NULL : V_ASN1_UNDEF, nullptr) == 1);
  Require(X509_REQ_set1_signature_algo(impl_->request.get(), algorithm.get()) == 1);
  BitStringHandle bits(ASN1_BIT_STRING_new());
  Require(ASN1_STRING_set(bits.get(), signature.data(), static_cast<int>(signature.size())) == 1);
  // Else zero bits at the end would be cut off.
  bits->flags = (bits->flags & ~0x07L) | ASN1_STRING_FLAG_BITS_LEFT;
  X509_REQ_set0_signature(impl_->request.get(), bits.release());
  return ToDer(impl_->request.get(),
               [](X509_REQ* request, unsigned char** out) { return i2d_X509_REQ(request, out); });
}

std::string CertificationRequestToPem(std::string_view der) {
  const BioHandle out(BIO_new(BIO_s_mem()));
  Require(PEM_write_bio(out.get(), PEM_STRING_X509_REQ, "",
                        reinterpret_cast<const unsigned char*>(der.data()),
                        static_cast<long>(der.size())) > 0);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

}  // namespace keysvc::crypto
