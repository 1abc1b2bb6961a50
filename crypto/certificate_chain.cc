#include "crypto/certificate_chain.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/key_document.h"
#include "crypto/openssl_handle.h"
#include "crypto/x509_certificate.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

constexpr std::size_t kLongest = std::size_t{32} * 1024;
constexpr std::size_t kMost = 5;
constexpr int kSecurityBits = 112;
constexpr std::string_view kField = "pem";

absl::Status Invalid(std::string_view what) { return Error(Reason::kFieldInvalid, what, kField); }

// Every block of the text, which has to be a certificate.
absl::StatusOr<std::vector<X509Certificate>> ReadBlocks(std::string_view pem) {
  const BioHandle in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Require(in != nullptr);
  std::vector<X509Certificate> certificates;
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  while (PEM_read_bio(in.get(), &label, &header, &data, &size) == 1) {
    std::string_view der = AsText(ByteView(data, static_cast<std::size_t>(size)));
    const bool right_label = std::string_view(label) == PEM_STRING_X509;
    X509Certificate certificate = right_label ? TakeCertificate(der) : nullptr;
    const bool sound = certificate != nullptr && der.empty();
    OPENSSL_free(label);
    OPENSSL_free(header);
    OPENSSL_free(data);
    if (!sound) return Invalid("a block is no certificate that can be read");
    certificates.push_back(std::move(certificate));
    if (certificates.size() > kMost) return Invalid("there are more than 5 certificates");
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!at_end || certificates.empty()) return Invalid("these are no PEM blocks of certificates");
  return certificates;
}

absl::Status CheckLink(X509* certificate, X509* issuer) {
  int bits = 0;
  if (X509_get_signature_info(certificate, nullptr, nullptr, &bits, nullptr) != 1 ||
      bits < kSecurityBits) {
    return Invalid("a certificate is signed with less than 112 bits of security");
  }
  if (X509_check_ca(issuer) == 0) return Invalid("a certificate of an issuer is not one of a CA");
  if (X509_check_issued(issuer, certificate) != X509_V_OK ||
      X509_verify(certificate, X509_get0_pubkey(issuer)) != 1) {
    return Invalid("a certificate is not signed by the key of the next one");
  }
  return absl::OkStatus();
}

// The chain of what was read.
absl::StatusOr<CertificateChain> ChainOf(const std::vector<X509Certificate>& certificates) {
  CertificateChain chain;
  for (const X509Certificate& certificate : certificates) {
    chain.certificates.push_back(DerOf(certificate.get()));
  }
  chain.not_before = absl::InfinitePast();
  chain.not_after = absl::InfiniteFuture();
  for (const X509Certificate& certificate : certificates) {
    const std::optional<X509Validity> validity = ValidityOf(certificate.get());
    if (!validity.has_value()) return Invalid("a certificate has no validity that can be read");
    chain.not_before = std::max(chain.not_before, validity->not_before);
    chain.not_after = std::min(chain.not_after, validity->not_after);
  }
  return chain;
}

absl::Status CheckChain(const std::vector<X509Certificate>& certificates, std::string_view spki,
                        absl::Time now) {
  X509* own = certificates.front().get();
  if (SpkiOf(own) != spki) return Invalid("the first certificate is for another key");
  if (!IsForSignatures(own)) {
    return Invalid(
        "the certificate's key usage has neither digitalSignature nor contentCommitment");
  }
  for (std::size_t i = 0; i < certificates.size(); ++i) {
    const auto validity = ValidityOf(certificates[i].get());
    if (!validity.has_value() || validity->not_after <= now)
      return Invalid("a certificate has ended");
    // A sound hash is of no use under a key that can be found.
    EVP_PKEY* key = X509_get0_pubkey(certificates[i].get());
    if (key == nullptr || EVP_PKEY_get_security_bits(key) < kSecurityBits) {
      return Invalid("the key of a certificate has less than 112 bits of security");
    }
    if (i + 1 == certificates.size()) break;
    RETURN_IF_ERROR(CheckLink(certificates[i].get(), certificates[i + 1].get()));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CertificateChain> ReadCertificateChain(std::string_view pem, std::string_view spki,
                                                      absl::Time now) {
  RETURN_IF_ERROR(CheckNotPrivate(pem, kField));
  if (pem.empty()) return Error(Reason::kFieldRequired, "the certificate is required", kField);
  if (pem.size() > kLongest) return Invalid("the certificates are longer than 32 KiB");
  ASSIGN_OR_RETURN(const std::vector<X509Certificate> certificates, ReadBlocks(pem));
  const absl::Status checked = CheckChain(certificates, spki, now);
  ERR_clear_error();
  RETURN_IF_ERROR(checked);
  ASSIGN_OR_RETURN(CertificateChain chain, ChainOf(certificates));
  if (chain.not_after < chain.not_before) {
    return Invalid("there is no time when all certificates are valid");
  }
  return chain;
}

std::string ToDer(const CertificateChain& chain) {
  std::string der;
  for (const std::string& certificate : chain.certificates) der += certificate;
  return der;
}

absl::StatusOr<CertificateChain> CertificateChainFromDer(std::string_view der) {
  std::vector<X509Certificate> certificates;
  while (!der.empty()) {
    X509Certificate certificate = TakeCertificate(der);
    if (certificate == nullptr) break;
    certificates.push_back(std::move(certificate));
  }
  if (der.empty() && !certificates.empty()) {
    if (auto chain = ChainOf(certificates); chain.ok()) return chain;
  }
  return Error(Reason::kIntegrityFailure, "stored certificates cannot be read");
}

std::string ToPem(const CertificateChain& chain) {
  const BioHandle out(BIO_new(BIO_s_mem()));
  Require(out != nullptr);
  for (const std::string& certificate : chain.certificates) {
    Require(PEM_write_bio(out.get(), PEM_STRING_X509, "", AsBytes(certificate).data(),
                          static_cast<long>(certificate.size())) > 0);
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return std::string(text, static_cast<std::size_t>(size));
}

}  // namespace keysvc::crypto
