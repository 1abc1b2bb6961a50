#include "crypto/self_test.h"

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace keysvc::crypto {
namespace {

TEST(SelfTestTest, EveryPrimitiveGivesItsKnownAnswer) { EXPECT_OK(RunSelfTests()); }

}  // namespace
}  // namespace keysvc::crypto
