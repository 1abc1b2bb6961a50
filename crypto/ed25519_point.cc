#include "crypto/ed25519_point.h"

#include <openssl/bn.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "crypto/bytes.h"
#include "crypto/openssl_handle.h"

namespace keysvc::crypto {
namespace {

using NumberContext = std::unique_ptr<BN_CTX, OpenSslDeleter<BN_CTX_free>>;

constexpr std::size_t kSize = 32;
constexpr int kSignBit = 255;  // of x; below it is y

// In hexadecimal, p = 2^255 - 19 and d of -x^2 + y^2 = 1 + d x^2 y^2 (RFC 8032 section 5.1).
constexpr char kPrime[] = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
constexpr char kD[] = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";

// The y of every point of small order: of order 1, 2, 4 and, the last two, 8. Either x has them.
constexpr auto kSmallOrders = std::to_array<const char*>(
    {"1", "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec", "0",
     "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
     "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"});

BignumHandle Number(const char* hex) {
  BIGNUM* number = nullptr;
  Require(BN_hex2bn(&number, hex) > 0);
  return BignumHandle(number);
}

// Whether there is an x with x^2 = (y^2 - 1) / (d y^2 + 1): whether the product of both, which is
// the quotient times a square, has a root. The divisor is never 0, since -1/d has no root.
bool HasX(const BIGNUM* y, const BIGNUM* p) {
  const NumberContext context(BN_CTX_new());
  const BignumHandle square(BN_new());
  const BignumHandle divisor = Number(kD);
  const BignumHandle one = Number("1");
  BIGNUM* const u = square.get();
  BIGNUM* const v = divisor.get();
  Require(context != nullptr && square != nullptr && BN_mod_sqr(u, y, p, context.get()) == 1 &&
          BN_mod_mul(v, v, u, p, context.get()) == 1 &&
          BN_mod_add(v, v, one.get(), p, context.get()) == 1 &&
          BN_mod_sub(u, u, one.get(), p, context.get()) == 1 &&
          BN_mod_mul(u, u, v, p, context.get()) == 1);
  return BN_kronecker(u, p, context.get()) == 1;
}

}  // namespace

bool IsEd25519PublicKey(std::string_view point) {
  if (point.size() != kSize) return false;
  const BignumHandle y(BN_lebin2bn(AsBytes(point).data(), kSize, nullptr));
  Require(y != nullptr);
  if (BN_is_bit_set(y.get(), kSignBit) == 1) BN_clear_bit(y.get(), kSignBit);
  const BignumHandle p = Number(kPrime);
  if (BN_cmp(y.get(), p.get()) >= 0) return false;
  const bool small = std::any_of(kSmallOrders.begin(), kSmallOrders.end(), [&](const char* hex) {
    return BN_cmp(y.get(), Number(hex).get()) == 0;
  });
  return !small && HasX(y.get(), p.get());
}

}  // namespace keysvc::crypto
