#ifndef KEYSVC_POLICY_ADDRESS_RANGE_H_
#define KEYSVC_POLICY_ADDRESS_RANGE_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace keysvc::policy {

// An address of IPv4 or IPv6 as 16 bytes; those of IPv4 as RFC 4291, section 2.5.5.2 maps them.
using Address = std::array<std::uint8_t, 16>;

// nullopt for what is no address, also for one with a zone.
std::optional<Address> ParseAddress(std::string_view text);

// The addresses that begin alike (RFC 4632, RFC 4291 section 2.3). A value.
class AddressRange {
 public:
  // "192.0.2.0/24", "2001:db8::/32". nullopt for anything else, for an address with bits behind the
  // prefix, and for a prefix of IPv6 that holds all of IPv4.
  static std::optional<AddressRange> Parse(std::string_view text);

  bool Contains(const Address& address) const;
  bool Covers(const AddressRange& other) const;

  friend bool operator==(const AddressRange&, const AddressRange&) = default;

 private:
  AddressRange(const Address& first, unsigned bits) : first_(first), bits_(bits) {}

  Address first_;
  unsigned bits_;  // of the 128 that are the same
};

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_ADDRESS_RANGE_H_
