#include "keysvc/rpc/peer.h"

#include <string>

#include "gtest/gtest.h"

namespace keysvc::rpc {
namespace {

TEST(HostOfPeer, DropsThePort) { EXPECT_EQ(HostOfPeer("ipv4:192.0.2.7:40322"), "192.0.2.7"); }

TEST(HostOfPeer, UnpacksIpv6) {
  EXPECT_EQ(HostOfPeer("ipv6:%5B2001:db8::1%5D:40322"), "2001:db8::1");
  EXPECT_EQ(HostOfPeer("ipv6:[::1]:40322"), "::1");
}

TEST(HostOfPeer, KnowsNoOtherKinds) {
  EXPECT_EQ(HostOfPeer("unix:/run/socket"), "unknown");
  EXPECT_EQ(HostOfPeer(""), "unknown");
}

TEST(TraceIdOf, TakesTheTraceOfAWellFormedParent) {
  EXPECT_EQ(TraceIdOf("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
            "0af7651916cd43dd8448eb211c80319c");
}

TEST(TraceIdOf, TakesNothingOfAnyOtherText) {
  for (const std::string text : {"", "0af7651916cd43dd8448eb211c80319c",
                                 "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                 "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                                 "00-0af7651916cd43dd8448eb211c80319c-b7ad6b716920333x-01",
                                 "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
                                 "00-0af7651916cd43dd8448eb211c80319c+b7ad6b7169203331-01"}) {
    EXPECT_EQ(TraceIdOf(text), "") << text;
  }
}

TEST(TraceIdOf, TakesNoCardNumber) {
  for (const std::string trace :
       {"00000000000000004111111111111111", "41111111111111114111111111111111",
        "a4111111111111111fa4111111111112", "ffffffffffffffff4111111111111111",
        "ffffffffff124111111111111111357f"}) {
    EXPECT_EQ(TraceIdOf("00-" + trace + "-b7ad6b7169203331-01"), "") << trace;
  }
  // A wrong check digit, or eleven digits: no card has such a number.
  for (const std::string trace :
       {"ffffffffffffffff4111111111111115", "abcdefabcdefabcdefabc41111111116"}) {
    EXPECT_EQ(TraceIdOf("00-" + trace + "-b7ad6b7169203331-01"), trace);
  }
}

}  // namespace
}  // namespace keysvc::rpc
