#include "policy/address_range.h"

#include "gtest/gtest.h"

namespace keysvc::policy {
namespace {

bool Contains(const char* range, const char* address) {
  return AddressRange::Parse(range)->Contains(*ParseAddress(address));
}

bool Covers(const char* range, const char* other) {
  return AddressRange::Parse(range)->Covers(*AddressRange::Parse(other));
}

TEST(AddressRangeTest, HoldsWhatBeginsAlike) {
  EXPECT_TRUE(Contains("192.0.2.128/25", "192.0.2.128"));
  EXPECT_TRUE(Contains("192.0.2.128/25", "192.0.2.255"));
  EXPECT_FALSE(Contains("192.0.2.128/25", "192.0.2.127"));
  EXPECT_TRUE(Contains("192.0.2.7/32", "192.0.2.7"));
  EXPECT_FALSE(Contains("192.0.2.7/32", "192.0.2.6"));
  EXPECT_TRUE(Contains("0.0.0.0/0", "255.255.255.255"));
  EXPECT_FALSE(Contains("0.0.0.0/0", "2001:db8::1"));
  EXPECT_TRUE(Contains("2001:db8:8000::/33", "2001:db8:ffff::1"));
  EXPECT_FALSE(Contains("2001:db8:8000::/33", "2001:db8:7fff::1"));
}

TEST(AddressRangeTest, AnAddressOfIpv4IsTheSameInEitherForm) {
  EXPECT_TRUE(Contains("192.0.2.0/24", "::ffff:192.0.2.9"));
  EXPECT_TRUE(Contains("::ffff:192.0.2.0/120", "192.0.2.9"));
}

TEST(AddressRangeTest, CoversWhatIsInsideIt) {
  EXPECT_TRUE(Covers("192.0.2.0/24", "192.0.2.0/24"));
  EXPECT_TRUE(Covers("192.0.2.0/24", "192.0.2.128/25"));
  EXPECT_FALSE(Covers("192.0.2.128/25", "192.0.2.0/24"));
  EXPECT_FALSE(Covers("192.0.2.0/24", "192.0.3.0/25"));
}

TEST(AddressRangeTest, AnythingElseIsNone) {
  for (const char* text :
       {"", "192.0.2.0", "192.0.2.0/", "/24", "192.0.2.1/24", "192.0.2.0/33", "10.0.0.0/4294967295",
        "192.0.2.0/024", "192.0.2.0/+4", "192.0.2/24", "192.0.2.0/24 ", "2001:db8::1/32",
        "2001:db8::/129", "::/0", "::/80", "::ffff:0:0/96", "fe80::%1/64", "localhost/8"}) {
    EXPECT_FALSE(AddressRange::Parse(text).has_value()) << text;
  }
  for (const char* text : {"", "192.0.2", "1.2.3.4.5", "fe80::1%eth0", "unknown", " 192.0.2.1"}) {
    EXPECT_FALSE(ParseAddress(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace keysvc::policy
