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

}  // namespace
}  // namespace keysvc::rpc
