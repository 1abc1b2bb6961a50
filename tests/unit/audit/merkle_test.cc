#include "audit/merkle.h"

#include <cstddef>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/unit/crypto/hex.h"

namespace keysvc::audit {
namespace {

using ::keysvc::testing::Bytes;
using ::keysvc::testing::HasReason;
using ::keysvc::testing::ToHex;

// RFC 6962 section 2.1, word for word.
crypto::Sha256Digest RecursiveRoot(const std::vector<std::string>& data, std::size_t from,
                                   std::size_t to) {
  if (from == to) return crypto::Sha256("");
  if (to - from == 1) return LeafHash(data[from]);
  std::size_t k = 1;
  while (2 * k < to - from) k *= 2;
  return NodeHash(RecursiveRoot(data, from, from + k), RecursiveRoot(data, from + k, to));
}

TEST(MerkleTest, TheTreesOfTheCertificateTransparencyProjectHaveTheirRoots) {
  const std::vector<std::string> leaves = {"",
                                           "00",
                                           "10",
                                           "2021",
                                           "3031",
                                           "40414243",
                                           "5051525354555657",
                                           "606162636465666768696a6b6c6d6e6f"};
  const std::vector<std::string> roots = {
      "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
      "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
      "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
      "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
      "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
      "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
      "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
      "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
  Frontier frontier;
  for (std::size_t i = 0; i < leaves.size(); ++i) {
    frontier.Append(LeafHash(Bytes(leaves[i])));
    EXPECT_EQ(ToHex(frontier.Root()), roots[i]) << i;
  }
}

TEST(MerkleTest, TheEmptyTreeIsTheHashOfNothing) {
  EXPECT_EQ(ToHex(Frontier().Root()),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(MerkleTest, TheFrontierHasTheRecursiveRootAtEverySize) {
  std::vector<std::string> data;
  Frontier frontier;
  for (std::size_t size = 0; size <= 300; ++size) {
    ASSERT_EQ(frontier.size(), size);
    ASSERT_EQ(frontier.Root(), RecursiveRoot(data, 0, size)) << size;
    data.push_back("leaf " + std::to_string(size));
    frontier.Append(LeafHash(data.back()));
  }
}

TEST(MerkleTest, AFrontierComesBackFromItsRowAndGrowsOn) {
  Frontier frontier;
  for (int i = 0; i < 100; ++i) {
    auto again = Frontier::FromRow(frontier.ToRow());
    ASSERT_OK(again);
    ASSERT_EQ(*again, frontier);
    frontier.Append(LeafHash(std::to_string(i)));
    again->Append(LeafHash(std::to_string(i)));
    ASSERT_EQ(again->Root(), frontier.Root());
  }
}

TEST(MerkleTest, ARowThatIsNoFrontierIsRefused) {
  const std::string hash(32, 'h');
  EXPECT_THAT(Frontier::FromRow({3, {hash}}), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Frontier::FromRow({4, {hash, hash}}), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(Frontier::FromRow({1, {std::string(31, 'h')}}), HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::audit
