#include "crypto/key_document.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstddef>
#include <string>
#include <utility>

#include "crypto/bytes.h"
#include "crypto/openssl_handle.h"
#include "crypto/x509_certificate.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

constexpr std::size_t kLongest = std::size_t{16} * 1024;
constexpr std::string_view kPrivate = "PRIVATE KEY";

struct Block {
  std::string label;
  std::string der;
};

// The next PEM block; nullopt when there is none, or it cannot be read.
std::optional<Block> ReadBlock(BIO* in) {
  char* label = nullptr;
  char* header = nullptr;
  unsigned char* data = nullptr;
  long size = 0;
  if (PEM_read_bio(in, &label, &header, &data, &size) != 1) return std::nullopt;
  const auto length = static_cast<std::size_t>(size);
  Block block{.label = label, .der = std::string(AsText(ByteView(data, length)))};
  OPENSSL_free(label);
  OPENSSL_free(header);
  OPENSSL_clear_free(data, length);
  return block;
}

// The only block of the text; nullopt when there is another number of them.
std::optional<Block> ReadOnlyBlock(std::string_view pem) {
  const BioHandle in(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  Require(in != nullptr);
  std::optional<Block> only = ReadBlock(in.get());
  const bool another = only.has_value() && ReadBlock(in.get()).has_value();
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  return another || !at_end ? std::nullopt : std::move(only);
}

absl::StatusOr<std::unique_ptr<PublicKey>> ReadKey(std::string_view spki, std::string_view field) {
  absl::StatusOr<std::unique_ptr<PublicKey>> key = PublicKey::FromSpki(spki);
  if (key.ok() && (*key)->IsValid()) return key;
  return Error(Reason::kFieldInvalid,
               "the public key is not P-256, P-384, Ed25519 or RSA of 2048 bits or more", field);
}

absl::Status CheckUsage(X509* certificate, KeyUsage usage, std::string_view field) {
  if (usage == KeyUsage::kDigitalSignature && !IsForSignatures(certificate)) {
    return Error(Reason::kFieldInvalid,
                 "the certificate's key usage has neither digitalSignature nor contentCommitment",
                 field);
  }
  // All bits are set where the certificate says nothing.
  if (usage == KeyUsage::kKeyEncipherment &&
      (X509_get_key_usage(certificate) & KU_KEY_ENCIPHERMENT) == 0) {
    return Error(Reason::kFieldInvalid, "the certificate's key usage does not have keyEncipherment",
                 field);
  }
  return absl::OkStatus();
}

absl::StatusOr<KeyDocument> ReadCertificate(std::string_view der, std::string_view field,
                                            KeyUsage usage) {
  const X509Certificate certificate = TakeCertificate(der);
  if (certificate == nullptr || !der.empty()) {
    return Error(Reason::kFieldInvalid, "the certificate cannot be read", field);
  }
  const std::optional<X509Validity> validity = ValidityOf(certificate.get());
  if (!validity.has_value()) {
    return Error(Reason::kFieldInvalid, "the certificate has no validity that can be read", field);
  }
  RETURN_IF_ERROR(CheckUsage(certificate.get(), usage, field));
  KeyDocument document;
  ASSIGN_OR_RETURN(document.key, ReadKey(SpkiOf(certificate.get()), field));
  document.validity = {validity->not_before, validity->not_after};
  return document;
}

}  // namespace

absl::Status CheckNotPrivate(std::string_view pem, std::string_view field) {
  if (pem.find(kPrivate) == std::string_view::npos) return absl::OkStatus();
  return Error(Reason::kPrivateKeyPresented,
               "this is a private key: its owner has to regard it as compromised", field);
}

absl::StatusOr<KeyDocument> ReadKeyDocument(std::string_view pem, std::string_view field,
                                            KeyUsage usage) {
  RETURN_IF_ERROR(CheckNotPrivate(pem, field));
  if (pem.empty()) return Error(Reason::kFieldRequired, "the public key is required", field);
  if (pem.size() > kLongest) {
    return Error(Reason::kFieldInvalid, "the public key is longer than 16 KiB", field);
  }
  const std::optional<Block> block = ReadOnlyBlock(pem);
  if (block.has_value() && block->label == PEM_STRING_X509) {
    return ReadCertificate(block->der, field, usage);
  }
  if (!block.has_value() || block->label != PEM_STRING_PUBLIC) {
    return Error(Reason::kFieldInvalid, "a public key is one PEM block, PUBLIC KEY or CERTIFICATE",
                 field);
  }
  KeyDocument document;
  ASSIGN_OR_RETURN(document.key, ReadKey(block->der, field));
  return document;
}

}  // namespace keysvc::crypto
