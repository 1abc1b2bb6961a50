#include "crypto/x509_certificate.h"

#include <openssl/x509v3.h>

#include <cstddef>
#include <cstdint>
#include <ctime>

#include "crypto/bytes.h"

namespace keysvc::crypto {
namespace {

std::optional<absl::Time> ToTime(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return absl::FromTimeT(timegm(&parts));
}

}  // namespace

X509Certificate TakeCertificate(std::string_view& der) {
  const std::uint8_t* const begin = AsBytes(der).data();
  const std::uint8_t* at = begin;
  X509Certificate certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  // Parses the extensions as well.
  if (certificate != nullptr &&
      (X509_get_extension_flags(certificate.get()) & EXFLAG_INVALID) != 0) {
    certificate.reset();
  }
  ERR_clear_error();
  if (certificate != nullptr) der.remove_prefix(static_cast<std::size_t>(at - begin));
  return certificate;
}

std::string DerOf(X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509(certificate, &der);
  Require(size > 0);
  std::string bytes(AsText(ByteView(der, static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  return bytes;
}

std::string SpkiOf(const X509* certificate) {
  unsigned char* der = nullptr;
  const int size = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (size <= 0) return {};
  std::string spki(AsText(ByteView(der, static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  return spki;
}

std::optional<X509Validity> ValidityOf(const X509* certificate) {
  const auto not_before = ToTime(X509_get0_notBefore(certificate));
  const auto not_after = ToTime(X509_get0_notAfter(certificate));
  if (!not_before.has_value() || !not_after.has_value() || *not_after < *not_before) {
    return std::nullopt;
  }
  return X509Validity{*not_before, *not_after};
}

bool IsForSignatures(X509* certificate) {
  // All bits are set where the certificate says nothing.
  return (X509_get_key_usage(certificate) & (KU_DIGITAL_SIGNATURE | KU_NON_REPUDIATION)) != 0;
}

}  // namespace keysvc::crypto
