#include "crypto/ecdsa_low_s.h"

#include <cstddef>
#include <cstdint>

#include "status/reason.h"

namespace keysvc::crypto {
namespace {

// The orders of the curves (SP 800-186, section 3.2.1), big-endian.
constexpr std::string_view kP256Order(
    "\xff\xff\xff\xff\x00\x00\x00\x00\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xbc\xe6\xfa\xad\xa7\x17\x9e\x84\xf3\xb9\xca\xc2\xfc\x63\x25\x51",
    32);
constexpr std::string_view kP384Order(
    "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"
    "\xff\xff\xff\xff\xff\xff\xff\xff\xc7\x63\x4d\x81\xf4\x37\x2d\xdf"
    "\x58\x1a\x0d\xb2\x48\xb0\xa7\x7a\xec\xec\x19\x6a\xcc\xc5\x29\x73",
    48);

// Empty for other sizes of signatures.
std::string_view OrderFor(std::size_t signature_size) {
  if (signature_size == 2 * kP256Order.size()) return kP256Order;
  return signature_size == 2 * kP384Order.size() ? kP384Order : std::string_view();
}

// n - s, or nothing unless 0 < s < n.
std::string Negated(std::string_view order, std::string_view s) {
  if (s >= order || s.find_first_not_of('\0') == std::string_view::npos) return "";
  std::string difference(order.size(), '\0');
  int borrow = 0;
  for (std::size_t i = order.size(); i-- > 0;) {
    const int digit =
        static_cast<std::uint8_t>(order[i]) - static_cast<std::uint8_t>(s[i]) - borrow;
    borrow = digit < 0 ? 1 : 0;
    difference[i] = static_cast<char>(digit + 256 * borrow);
  }
  return difference;
}

}  // namespace

bool HasLowS(std::string_view signature) {
  const std::string_view order = OrderFor(signature.size());
  // The order is odd, so that s is never its own negation.
  return !order.empty() &&
         signature.substr(order.size()) < Negated(order, signature.substr(order.size()));
}

absl::StatusOr<std::string> WithLowS(std::string signature) {
  const std::string_view order = OrderFor(signature.size());
  const std::string negated =
      order.empty() ? "" : Negated(order, std::string_view(signature).substr(order.size()));
  if (negated.empty()) return Error(Reason::kFieldInvalid, "not an encoded ECDSA signature");
  if (!HasLowS(signature)) signature.replace(order.size(), order.size(), negated);
  return signature;
}

}  // namespace keysvc::crypto
