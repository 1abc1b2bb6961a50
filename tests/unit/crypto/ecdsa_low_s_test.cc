#include "crypto/ecdsa_low_s.h"

#include <string>

#include "crypto/known_answers.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::crypto {
namespace {

using ::keysvc::testing::Bytes;
using ::keysvc::testing::HasReason;

// The halves of the orders, rounded down: the highest s that is low.
const std::string kHalfP256 =
    Bytes("7fffffff800000007fffffffffffffffde737d56d38bcf4279dce5617e3192a8");
const std::string kHalfP384 = Bytes(
    "7fffffffffffffffffffffffffffffffffffffffffffffff"
    "e3b1a6c0fa1b96efac0d06d9245853bd76760cb5666294b9");
const std::string kP256 = Bytes("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");

std::string PlusOne(std::string number) {
  number.back() = static_cast<char>(number.back() + 1);
  return number;
}

TEST(EcdsaLowSTest, TheBoundIsHalfTheOrderOfTheCurve) {
  for (const std::string& half : {kHalfP256, kHalfP384}) {
    const std::string r(half.size(), '\1');
    EXPECT_TRUE(HasLowS(r + half));
    EXPECT_FALSE(HasLowS(r + PlusOne(half)));
    // The two halves of an odd number are one apart.
    EXPECT_EQ(*WithLowS(r + PlusOne(half)), r + half);
    EXPECT_EQ(*WithLowS(r + half), r + half);
  }
}

TEST(EcdsaLowSTest, TheHighestSBecomesOneAndOneStaysOne) {
  std::string highest = kP256;
  highest.back() = static_cast<char>(highest.back() - 1);
  const std::string r(32, '\2');
  const std::string one = std::string(31, '\0') + '\1';
  EXPECT_FALSE(HasLowS(r + highest));
  EXPECT_EQ(*WithLowS(r + highest), r + one);
  EXPECT_EQ(*WithLowS(r + one), r + one);
}

TEST(EcdsaLowSTest, WhatIsNoSignatureOfTheseCurvesHasNone) {
  const std::string r(32, '\2');
  for (const std::string& none :
       {std::string(), std::string(64, '\0'), r + kP256, r + std::string(32, '\xff'),
        std::string(63, '\1'), std::string(65, '\1'), std::string(132, '\1')}) {
    EXPECT_FALSE(HasLowS(none)) << none.size();
    EXPECT_THAT(WithLowS(none), HasReason(Reason::kFieldInvalid)) << none.size();
  }
}

}  // namespace
}  // namespace keysvc::crypto
