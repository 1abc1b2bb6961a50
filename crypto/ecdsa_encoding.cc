#include <openssl/ecdsa.h>

#include "crypto/bytes.h"
#include "crypto/openssl_handle.h"
#include "crypto/public_key.h"
#include "status/reason.h"

namespace keysvc::crypto {
namespace {

using EcdsaSignature = std::unique_ptr<ECDSA_SIG, OpenSslDeleter<ECDSA_SIG_free>>;

// P-521, the widest curve of PKCS#11.
constexpr std::size_t kWidestCoordinate = 66;

absl::Status NotASignature() {
  return Error(Reason::kFieldInvalid, "not an encoded ECDSA signature");
}

std::string Encode(const ECDSA_SIG* signature) {
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature, &der);
  Require(size > 0);
  std::string bytes(AsText(ByteView(der, static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  return bytes;
}

}  // namespace

absl::StatusOr<std::string> EcdsaP1363ToDer(std::string_view raw) {
  const std::size_t width = raw.size() / 2;
  if (width == 0 || width > kWidestCoordinate || raw.size() % 2 != 0) return NotASignature();
  const std::uint8_t* bytes = AsBytes(raw).data();
  const EcdsaSignature signature(ECDSA_SIG_new());
  BignumHandle r(BN_bin2bn(bytes, static_cast<int>(width), nullptr));
  BignumHandle s(BN_bin2bn(bytes + width, static_cast<int>(width), nullptr));
  if (BN_is_zero(r.get()) || BN_is_zero(s.get())) return NotASignature();
  Require(ECDSA_SIG_set0(signature.get(), r.release(), s.release()) == 1);
  return Encode(signature.get());
}

absl::StatusOr<std::string> EcdsaDerToP1363(std::string_view der, std::size_t coordinate_size) {
  // Nothing longer can be right, whatever it says about its own length.
  if (der.size() > 2 * kWidestCoordinate + 16) return NotASignature();
  const std::uint8_t* at = AsBytes(der).data();
  const EcdsaSignature signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  ERR_clear_error();
  // d2i also takes encodings that are not minimal, and ignores what follows.
  if (signature == nullptr || Encode(signature.get()) != der) return NotASignature();
  std::string raw(2 * coordinate_size, '\0');
  auto* out = reinterpret_cast<std::uint8_t*>(raw.data());
  for (const BIGNUM* number :
       {ECDSA_SIG_get0_r(signature.get()), ECDSA_SIG_get0_s(signature.get())}) {
    if (BN_is_zero(number) || BN_is_negative(number) ||
        BN_bn2binpad(number, out, static_cast<int>(coordinate_size)) < 0) {
      return NotASignature();
    }
    out += coordinate_size;
  }
  return raw;
}

}  // namespace keysvc::crypto
