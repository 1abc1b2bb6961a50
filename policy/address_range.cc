#include "policy/address_range.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/strings/numbers.h"

namespace keysvc::policy {
namespace {

constexpr unsigned kBits = 128;
constexpr unsigned kBitsBeforeIpv4 = 96;
constexpr Address kIpv4 = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool BitOf(const Address& address, unsigned bit) {
  return ((address.at(bit / 8) >> (7 - bit % 8)) & 1) != 0;
}

bool BeginAlike(const Address& one, const Address& other, unsigned bits) {
  for (unsigned bit = 0; bit < bits; ++bit) {
    if (BitOf(one, bit) != BitOf(other, bit)) return false;
  }
  return true;
}

}  // namespace

std::optional<Address> ParseAddress(std::string_view text) {
  const std::string terminated(text);
  Address address = kIpv4;
  if (inet_pton(AF_INET, terminated.c_str(), &address[12]) == 1) return address;
  if (inet_pton(AF_INET6, terminated.c_str(), address.data()) == 1) return address;
  return std::nullopt;
}

std::optional<AddressRange> AddressRange::Parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view host = text.substr(0, slash);
  const std::string length(text.substr(slash + 1));
  const std::optional<Address> first = ParseAddress(host);
  unsigned bits = 0;
  const bool canonical =
      !length.empty() && length.find_first_not_of("0123456789") == std::string::npos &&
      (length == "0" || length.front() != '0') && absl::SimpleAtoi(length, &bits);
  if (!first.has_value() || !canonical) return std::nullopt;
  const bool ipv4 = host.find(':') == std::string_view::npos;
  if (bits > (ipv4 ? kBits - kBitsBeforeIpv4 : kBits)) return std::nullopt;
  if (ipv4) bits += kBitsBeforeIpv4;
  for (unsigned bit = bits; bit < kBits; ++bit) {
    if (BitOf(*first, bit)) return std::nullopt;
  }
  if (!ipv4 && bits <= kBitsBeforeIpv4 && BeginAlike(*first, kIpv4, bits)) return std::nullopt;
  return AddressRange(*first, bits);
}

bool AddressRange::Contains(const Address& address) const {
  return BeginAlike(first_, address, bits_);
}

bool AddressRange::Covers(const AddressRange& other) const {
  return bits_ <= other.bits_ && BeginAlike(first_, other.first_, bits_);
}

}  // namespace keysvc::policy
