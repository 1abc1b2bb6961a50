#include "crypto/certificate.h"

#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <ctime>
#include <utility>
#include <vector>

#include "crypto/openssl_handle.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

using Certificate = std::unique_ptr<X509, OpenSslDeleter<X509_free>>;
using TrustStore = std::unique_ptr<X509_STORE, OpenSslDeleter<X509_STORE_free>>;
using Verification = std::unique_ptr<X509_STORE_CTX, OpenSslDeleter<X509_STORE_CTX_free>>;

// 112 bits of security: RSA-2048 and SHA-256 or better.
constexpr int kSecurityLevel = 2;

// All certificates of `pem`, in order; fails when one cannot be read.
absl::StatusOr<std::vector<Certificate>> ReadPem(std::string_view pem, Reason reason) {
  const BioHandle in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::vector<Certificate> certificates;
  while (X509* next = PEM_read_bio_X509(in.get(), nullptr, nullptr, nullptr)) {
    certificates.emplace_back(next);
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end) return Error(reason, "a certificate cannot be read");
  return certificates;
}

}  // namespace

struct CertificateAuthority::Impl {
  TrustStore trusted;
};

CertificateAuthority::CertificateAuthority(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CertificateAuthority::~CertificateAuthority() = default;

absl::StatusOr<std::unique_ptr<CertificateAuthority>> CertificateAuthority::FromPem(
    std::string_view pem) {
  ASSIGN_OR_RETURN(const std::vector<Certificate> certificates,
                   ReadPem(pem, Reason::kConfigInvalid));
  if (certificates.empty()) {
    return Error(Reason::kConfigInvalid, "the file of the authority holds no certificate");
  }
  auto impl = std::make_unique<Impl>();
  impl->trusted.reset(X509_STORE_new());
  for (const Certificate& certificate : certificates) {
    if (X509_check_ca(certificate.get()) == 0) {
      return Error(Reason::kConfigInvalid, "a certificate of the authority is not one of a CA");
    }
    Require(X509_STORE_add_cert(impl->trusted.get(), certificate.get()) == 1);
  }
  X509_VERIFY_PARAM* param = X509_STORE_get0_param(impl->trusted.get());
  // What the operator lists is trusted itself, also when another CA has issued it.
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_CLIENT);
  X509_VERIFY_PARAM_set_auth_level(param, kSecurityLevel);
  return std::unique_ptr<CertificateAuthority>(new CertificateAuthority(std::move(impl)));
}

absl::Status CertificateAuthority::Verify(std::string_view leaf_pem, std::string_view chain_pem,
                                          absl::Time now) const {
  const auto rejected = [](std::string_view why) {
    return Error(Reason::kCertificateRejected, why);
  };
  ASSIGN_OR_RETURN(const std::vector<Certificate> leaf,
                   ReadPem(leaf_pem, Reason::kCertificateRejected));
  ASSIGN_OR_RETURN(const std::vector<Certificate> chain,
                   ReadPem(chain_pem, Reason::kCertificateRejected));
  if (leaf.empty()) return rejected("no certificate was presented");

  const std::unique_ptr<STACK_OF(X509),
                        OpenSslDeleter<[](STACK_OF(X509) * stack) { sk_X509_free(stack); }>>
      intermediates(sk_X509_new_null());
  for (const Certificate& certificate : chain) {
    Require(sk_X509_push(intermediates.get(), certificate.get()) > 0);
  }
  const Verification verification(X509_STORE_CTX_new());
  Require(verification != nullptr &&
          X509_STORE_CTX_init(verification.get(), impl_->trusted.get(), leaf.front().get(),
                              intermediates.get()) == 1);
  X509_STORE_CTX_set_time(verification.get(), 0, absl::ToTimeT(now));
  const bool trusted = X509_verify_cert(verification.get()) == 1;
  ERR_clear_error();
  if (trusted) return absl::OkStatus();
  return rejected(X509_verify_cert_error_string(X509_STORE_CTX_get_error(verification.get())));
}

absl::StatusOr<absl::Time> CertificateNotAfter(std::string_view pem) {
  ASSIGN_OR_RETURN(const std::vector<Certificate> certificates,
                   ReadPem(pem, Reason::kCertificateRejected));
  std::tm end{};
  if (certificates.empty() ||
      ASN1_TIME_to_tm(X509_get0_notAfter(certificates.front().get()), &end) != 1) {
    return Error(Reason::kCertificateRejected, "no end of validity can be read");
  }
  return absl::FromTimeT(timegm(&end));
}

}  // namespace keysvc::crypto
