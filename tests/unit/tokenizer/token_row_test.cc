#include "tokenizer/token_row.h"

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/escaping.h"
#include "crypto/known_answers.h"
#include "gtest/gtest.h"
#include "tests/fakes/literal_keys.h"
#include "tests/support/status_matchers.h"

namespace keysvc::tokenizer {
namespace {

using crypto::SecretAccess;
using keysvc::testing::HasReason;

crypto::SecretKey<32> CountingKey() {
  std::array<std::uint8_t, 32> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i);
  return *crypto::SecretKey<32>::From(crypto::SecretBytes::CopyOf(bytes));
}

using Change = std::function<void(store::TokenRow&)>;

class TokenRowTest : public ::testing::Test {
 protected:
  TokenRowTest() {
    row_.handle = 42;
    row_.tenant = "acme";
    row_.profile = 3;
    row_.index_version = 2;
    row_.pan_index = std::string(32, 'i');
    row_.data_version = 5;
    row_.created_ms = 1'700'000'000'000;
    row_.state = static_cast<std::uint8_t>(TokenState::kActive);
    row_.revision = 1;
    const auto card =
        CardData::Parse(crypto::AsBytes("4111111111111111"), "2030-12", crypto::AsBytes("Ada"));
    EXPECT_OK(SealRow(row_, *card, 7, sealing_key_));
    row_.mac = MacOfRow(row_, *mac_key_);
  }

  void ExpectCard(const absl::StatusOr<OpenedRow>& opened) const {
    ASSERT_OK(opened);
    EXPECT_EQ(crypto::AsText(opened->card.pan.Expose(SecretAccess::kGranted)), "4111111111111111");
    EXPECT_EQ(opened->card.expiry, (Expiry{2030, 12}));
    EXPECT_EQ(crypto::AsText(opened->card.cardholder_name.Expose(SecretAccess::kGranted)), "Ada");
    EXPECT_EQ(opened->token_key_version, 7u);
  }

  const SealingKey sealing_key_ = keysvc::testing::UnlimitedKey(CountingKey());
  const std::shared_ptr<const crypto::Aes256Gcm> data_key_ = sealing_key_.opener();
  const std::unique_ptr<crypto::HmacSha256> mac_key_ = *crypto::HmacSha256::Create(CountingKey());
  store::TokenRow row_;
};

TEST_F(TokenRowTest, ASealedCardOpens) { ExpectCard(OpenRow(row_, *data_key_)); }

TEST_F(TokenRowTest, TheCardIsNotInTheRow) {
  EXPECT_EQ(row_.sealed.find("4111111111111111"), std::string::npos);
  EXPECT_EQ(row_.sealed.find("Ada"), std::string::npos);
}

TEST_F(TokenRowTest, WhatWasSealedOnceOpensForEver) {
  row_.sealed = crypto::known::Bytes(
      "0100000007000102030405060708090a0b4602d61bd5d1f32abc70a6ba80d8495cb2e7b605c17cb1703867e5865c"
      "0d6158761d8b1348ab4a98a1c6ee99afb68c");
  ExpectCard(OpenRow(row_, *data_key_));
  EXPECT_EQ(absl::BytesToHexString(MacOfRow(row_, *mac_key_)),
            "c77759162ad030b02be7b9831d11f43236d1d7e4bd59478a5176c3462ef7bb4a");
}

TEST_F(TokenRowTest, AChangedImmutableColumnIsNoticedWhenTheRowIsOpened) {
  const std::vector<Change> changes = {
      [](auto& row) { ++row.handle; },       [](auto& row) { row.tenant = "acm"; },
      [](auto& row) { ++row.profile; },      [](auto& row) { ++row.index_version; },
      [](auto& row) { row.pan_index[0]++; }, [](auto& row) { row.pan_index.clear(); },
      [](auto& row) { ++row.data_version; }, [](auto& row) { ++row.created_ms; },
      [](auto& row) { row.sealed.clear(); }, [](auto& row) { row.sealed.pop_back(); },
      [](auto& row) { row.sealed += '\0'; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    store::TokenRow changed = row_;
    changes[i](changed);
    EXPECT_THAT(OpenRow(changed, *data_key_), HasReason(Reason::kIntegrityFailure)) << i;
  }
}

TEST_F(TokenRowTest, AChangedBitOfTheSealIsNoticed) {
  for (std::size_t i = 0; i < row_.sealed.size(); ++i) {
    store::TokenRow changed = row_;
    changed.sealed[i] = static_cast<char>(changed.sealed[i] ^ 1);
    EXPECT_THAT(OpenRow(changed, *data_key_), HasReason(Reason::kIntegrityFailure)) << i;
  }
}

TEST_F(TokenRowTest, AnotherRowsSealIsNoticed) {
  store::TokenRow other = row_;
  other.handle = 43;
  ASSERT_OK(SealRow(other, OpenRow(row_, *data_key_)->card, 7, sealing_key_));
  std::swap(other.sealed, row_.sealed);
  EXPECT_THAT(OpenRow(row_, *data_key_), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(OpenRow(other, *data_key_), HasReason(Reason::kIntegrityFailure));
}

TEST_F(TokenRowTest, AChangedMutableColumnIsNoticedByTheMac) {
  EXPECT_OK(CheckRow(row_, *mac_key_));
  const std::vector<Change> changes = {
      [](auto& row) { row.state = 2; },      [](auto& row) { row.state = 0; },
      [](auto& row) { ++row.revision; },     [](auto& row) { ++row.handle; },
      [](auto& row) { row.tenant = "acm"; }, [](auto& row) { ++row.profile; },
      [](auto& row) { row.mac[31]++; },      [](auto& row) { row.mac.clear(); },
      [](auto& row) { row.mac.pop_back(); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    store::TokenRow changed = row_;
    changes[i](changed);
    EXPECT_THAT(CheckRow(changed, *mac_key_), HasReason(Reason::kIntegrityFailure)) << i;
  }
}

TEST_F(TokenRowTest, AStateIsBoundByTheMacAndASuspendedCardStillOpens) {
  const store::TokenRow suspended = InState(TokenState::kSuspended, row_, *mac_key_);
  EXPECT_EQ(StateOf(suspended), TokenState::kSuspended);
  EXPECT_EQ(suspended.revision, 2u);
  EXPECT_OK(CheckRow(suspended, *mac_key_));
  ExpectCard(OpenRow(suspended, *data_key_));
  store::TokenRow revived = suspended;
  revived.state = row_.state;
  EXPECT_THAT(CheckRow(revived, *mac_key_), HasReason(Reason::kIntegrityFailure));
}

TEST_F(TokenRowTest, NothingOfTheCardIsLeftInADeletedRow) {
  const store::TokenRow deleted = InState(TokenState::kDeleted, row_, *mac_key_);
  EXPECT_OK(CheckRow(deleted, *mac_key_));
  EXPECT_EQ(absl::BytesToHexString(deleted.sealed), "0100000007");
  EXPECT_EQ(*TokenKeyVersionOf(deleted), 7u);
  EXPECT_EQ(deleted.pan_index, "");
  EXPECT_EQ(deleted.index_version, 0u);
  EXPECT_EQ(deleted.data_version, 0u);
  EXPECT_THAT(OpenRow(deleted, *data_key_), HasReason(Reason::kIntegrityFailure));
  EXPECT_EQ(absl::BytesToHexString(deleted.mac),
            "83bf06c004915ee576b363bb37a2df0f1370768b8cfd21dba153fd286b75bc90");
}

TEST_F(TokenRowTest, WhatWasSealedWithDigitsOnceOpensForEver) {
  // Computed with an independent implementation.
  row_.digits = "9000000000001111";
  row_.sealed = crypto::known::Bytes(
      "0200000000000102030405060708090a0b4602d61bd5d1f32abc70a6ba80d8495cb2e7b605c17cb1703867e5865c"
      "0d6154470f4202e42d25119b8b6494db0318");
  const auto opened = OpenRow(row_, *data_key_);
  ASSERT_OK(opened);
  EXPECT_EQ(crypto::AsText(opened->card.pan.Expose(SecretAccess::kGranted)), "4111111111111111");
  EXPECT_EQ(opened->token_key_version, 0u);
}

TEST_F(TokenRowTest, DigitsAreBoundToTheCardAndToTheRowInEveryState) {
  store::TokenRow row = row_;
  row.digits = "9000000000001111";
  EXPECT_THAT(OpenRow(row, *data_key_), HasReason(Reason::kIntegrityFailure));
  ASSERT_OK(SealRow(row, OpenRow(row_, *data_key_)->card, 0, sealing_key_));
  row.mac = MacOfRow(row, *mac_key_);
  EXPECT_EQ(absl::BytesToHexString(row.sealed.substr(0, 5)), "0200000000");
  const auto opened = OpenRow(row, *data_key_);
  ASSERT_OK(opened);
  EXPECT_EQ(opened->token_key_version, 0u);
  store::TokenRow limited = row;
  limited.uses_left = 1;
  limited.mac = MacOfRow(limited, *mac_key_);
  const store::TokenRow suspended = InState(TokenState::kSuspended, row, *mac_key_);
  const store::TokenRow deleted = InState(TokenState::kDeleted, row, *mac_key_);
  EXPECT_EQ(deleted.digits, row.digits);
  for (const store::TokenRow& whole : {row, limited, suspended, deleted}) {
    EXPECT_OK(CheckRow(whole, *mac_key_));
    for (const char* digits : {"", "9000000000001112", "90000000000011110"}) {
      store::TokenRow changed = whole;
      changed.digits = digits;
      EXPECT_THAT(CheckRow(changed, *mac_key_), HasReason(Reason::kIntegrityFailure)) << digits;
      EXPECT_THAT(OpenRow(changed, *data_key_), HasReason(Reason::kIntegrityFailure)) << digits;
    }
  }
}

TEST_F(TokenRowTest, AChangedColumnOfADeletedRowIsNoticedByTheMac) {
  const store::TokenRow deleted = InState(TokenState::kDeleted, row_, *mac_key_);
  const std::vector<Change> changes = {
      [](auto& row) { row.state = 1; },
      [](auto& row) { row.state = 2; },
      [](auto& row) { ++row.revision; },
      [](auto& row) { ++row.handle; },
      [](auto& row) { row.tenant = "acm"; },
      [](auto& row) { ++row.profile; },
      [](auto& row) { ++row.index_version; },
      [](auto& row) { row.pan_index = "i"; },
      [](auto& row) { ++row.data_version; },
      [](auto& row) { ++row.created_ms; },
      [](auto& row) { row.sealed.clear(); },
      [](auto& row) { row.sealed += '\0'; },
      [](auto& row) { row.sealed.back()++; },
      [](auto& row) { row.mac[31]++; },
      [this](auto& row) { row.sealed = row_.sealed; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    store::TokenRow changed = deleted;
    changes[i](changed);
    EXPECT_THAT(CheckRow(changed, *mac_key_), HasReason(Reason::kIntegrityFailure)) << i;
  }
}

class ReplacedCardTest : public TokenRowTest {
 protected:
  store::TokenRow Replace(store::TokenRow row, std::string_view pan) {
    row.pan_index = std::string(32, 'j');
    row.index_version = 3;
    row.data_version = 6;
    const auto card = CardData::Parse(crypto::AsBytes(pan), "2033-01", {});
    auto replaced = WithCard(*card, {.account_reference = "ACMEP"}, sealing_key_, row, *mac_key_);
    EXPECT_OK(replaced);
    return *std::move(replaced);
  }
};

TEST_F(ReplacedCardTest, ARowOpensToTheCardThatCameInPlaceOfAnother) {
  EXPECT_FALSE(HasReplacedCard(row_));
  const store::TokenRow replaced = Replace(row_, "378282246310005");
  EXPECT_TRUE(HasReplacedCard(replaced));
  EXPECT_EQ(replaced.revision, 2u);
  EXPECT_OK(CheckRow(replaced, *mac_key_));
  const auto opened = OpenRow(replaced, *data_key_);
  ASSERT_OK(opened);
  EXPECT_EQ(crypto::AsText(opened->card.pan.Expose(SecretAccess::kGranted)), "378282246310005");
  EXPECT_EQ(opened->token_key_version, 7u);
  EXPECT_EQ(opened->terms.account_reference, "ACMEP");
  EXPECT_EQ(absl::BytesToHexString(replaced.sealed.substr(0, 5)), "0300000007");

  store::TokenRow numeric = row_;
  numeric.digits = "9000000000001111";
  numeric.sealed = std::string("\2\0\0\0\0", 5);
  EXPECT_EQ(absl::BytesToHexString(Replace(numeric, "378282246310005").sealed.substr(0, 5)),
            "0400000000");
}

TEST_F(ReplacedCardTest, TheFormerCardDoesNotFitTheRowAnyMore) {
  const store::TokenRow once = Replace(row_, "378282246310005");
  const store::TokenRow twice = Replace(once, "5555555555554444");
  const store::TokenRow suspended = InState(TokenState::kSuspended, twice, *mac_key_);
  const auto with_card_of = [](store::TokenRow row, const store::TokenRow& other) {
    row.sealed = other.sealed;
    row.pan_index = other.pan_index;
    row.index_version = other.index_version;
    row.data_version = other.data_version;
    return row;
  };
  for (const store::TokenRow& row : {once, twice, suspended}) {
    EXPECT_OK(CheckRow(row, *mac_key_));
    EXPECT_THAT(CheckRow(with_card_of(row, row_), *mac_key_), HasReason(Reason::kIntegrityFailure));
  }
  EXPECT_THAT(CheckRow(with_card_of(twice, once), *mac_key_), HasReason(Reason::kIntegrityFailure));
  EXPECT_THAT(CheckRow(with_card_of(suspended, once), *mac_key_),
              HasReason(Reason::kIntegrityFailure));
}

TEST_F(ReplacedCardTest, EveryColumnIsBoundByTheMac) {
  row_.ends_ms = 1'800'000'000'000;
  row_.uses_left = 2;
  const store::TokenRow replaced = Replace(row_, "378282246310005");
  const std::vector<Change> changes = {
      [](auto& row) { row.state = 2; },          [](auto& row) { ++row.revision; },
      [](auto& row) { ++row.handle; },           [](auto& row) { row.tenant = "acm"; },
      [](auto& row) { ++row.profile; },          [](auto& row) { ++row.index_version; },
      [](auto& row) { row.pan_index.clear(); },  [](auto& row) { ++row.data_version; },
      [](auto& row) { ++row.created_ms; },       [](auto& row) { row.sealed.back()++; },
      [](auto& row) { row.sealed[0] = 1; },      [](auto& row) { row.sealed.clear(); },
      [](auto& row) { ++*row.ends_ms; },         [](auto& row) { row.ends_ms.reset(); },
      [](auto& row) { ++*row.uses_left; },       [](auto& row) { row.uses_left.reset(); },
      [](auto& row) { row.digits = "9000000"; }, [](auto& row) { row.mac[31]++; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    store::TokenRow changed = replaced;
    changes[i](changed);
    EXPECT_THAT(CheckRow(changed, *mac_key_), HasReason(Reason::kIntegrityFailure)) << i;
  }
  const store::TokenRow deleted = InState(TokenState::kDeleted, replaced, *mac_key_);
  EXPECT_OK(CheckRow(deleted, *mac_key_));
  EXPECT_EQ(absl::BytesToHexString(deleted.sealed), "0300000007");
  EXPECT_EQ(*TokenKeyVersionOf(deleted), 7u);
}

TEST_F(TokenRowTest, EndAndUsesAreBoundByTheMac) {
  row_.ends_ms = 1'800'000'000'000;
  row_.uses_left = 2;
  row_.mac = MacOfRow(row_, *mac_key_);
  EXPECT_OK(CheckRow(row_, *mac_key_));
  EXPECT_EQ(absl::BytesToHexString(row_.mac),
            "1d8ccb258ea2cd61c22368332e4bda6b721bd4a90d3133771676cd8ea5473d29");
  const std::vector<Change> changes = {
      [](auto& row) { ++*row.ends_ms; },
      [](auto& row) { row.ends_ms.reset(); },
      [](auto& row) { ++*row.uses_left; },
      [](auto& row) { row.uses_left.reset(); },
      [](auto& row) { row.uses_left = 0; },
      [](auto& row) { row.state = 2; },
      [](auto& row) { ++row.revision; },
      [](auto& row) { ++row.handle; },
      [](auto& row) { row.tenant = "acm"; },
      [](auto& row) { ++row.profile; },
      [](auto& row) { row.uses_left.reset(), row.ends_ms.reset(); },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    store::TokenRow changed = row_;
    changes[i](changed);
    EXPECT_THAT(CheckRow(changed, *mac_key_), HasReason(Reason::kIntegrityFailure)) << i;
  }
}

TEST_F(TokenRowTest, MetadataIsBoundByTheMacWithEverythingElseThatItBinds) {
  row_.metadata = "order=17,store=berlin";
  row_.mac = MacOfRow(row_, *mac_key_);
  EXPECT_OK(CheckRow(row_, *mac_key_));
  EXPECT_EQ(absl::BytesToHexString(row_.mac),
            "d497aefb8c537d699a6f583103185a6c706f44f1b4bdf4e8c0aa4246a76a233d");
  const std::vector<Change> changes = {[](auto& row) { row.metadata.clear(); },
                                       [](auto& row) { row.metadata = "order=18,store=berlin"; },
                                       [](auto& row) { row.metadata += ","; },
                                       [](auto& row) { row.state = 2; },
                                       [](auto& row) { ++row.revision; },
                                       [](auto& row) { row.ends_ms = 1; },
                                       [](auto& row) { row.uses_left = 1; },
                                       [](auto& row) { row.sealed[4]++; },
                                       [](auto& row) { row.digits = "9000000000001111"; }};
  for (std::size_t i = 0; i < changes.size(); ++i) {
    store::TokenRow changed = row_;
    changes[i](changed);
    EXPECT_THAT(CheckRow(changed, *mac_key_), HasReason(Reason::kIntegrityFailure)) << i;
  }
  ExpectCard(OpenRow(row_, *data_key_));

  const store::TokenRow deleted = InState(TokenState::kDeleted, row_, *mac_key_);
  EXPECT_TRUE(deleted.metadata.empty());
  EXPECT_OK(CheckRow(deleted, *mac_key_));
  store::TokenRow revived = deleted;
  revived.metadata = row_.metadata;
  EXPECT_THAT(CheckRow(revived, *mac_key_), HasReason(Reason::kIntegrityFailure));
}

TEST_F(ReplacedCardTest, MetadataStaysAndIsBoundBesideTheCard) {
  row_.metadata = "store=berlin";
  const store::TokenRow replaced = Replace(row_, "378282246310005");
  EXPECT_EQ(replaced.metadata, "store=berlin");
  EXPECT_OK(CheckRow(replaced, *mac_key_));
  for (const Change& change : std::vector<Change>{[](auto& row) { row.metadata.clear(); },
                                                  [](auto& row) { row.metadata = "store=vienna"; },
                                                  [](auto& row) { row.sealed.back()++; },
                                                  [](auto& row) { row.pan_index.clear(); }}) {
    store::TokenRow changed = replaced;
    change(changed);
    EXPECT_THAT(CheckRow(changed, *mac_key_), HasReason(Reason::kIntegrityFailure));
  }
}

TEST_F(TokenRowTest, EachUseIsCountedAndTheLastEndsTheToken) {
  const absl::Time now = absl::FromUnixMillis(1'750'000'000'000);
  row_.ends_ms = 1'800'000'000'000;
  row_.uses_left = 3;
  const store::TokenRow once = Used(1, now, row_, *mac_key_);
  EXPECT_OK(CheckRow(once, *mac_key_));
  EXPECT_EQ(once.uses_left, 2u);
  EXPECT_EQ(once.revision, 2u);
  EXPECT_EQ(once.ends_ms, row_.ends_ms);
  EXPECT_OK(CheckOpens(once, now));
  EXPECT_THAT(CheckOpens(once, absl::FromUnixMillis(1'800'000'000'000)),
              HasReason(Reason::kTokenExpired));
  const store::TokenRow last = Used(2, now, once, *mac_key_);
  EXPECT_OK(CheckRow(last, *mac_key_));
  EXPECT_EQ(last.ends_ms, absl::ToUnixMillis(now));
  EXPECT_THAT(CheckOpens(last, now), HasReason(Reason::kTokenExhausted));
}

TEST_F(TokenRowTest, AStateThatIsNeverWrittenIsNoticedAlsoUnderAGoodMac) {
  row_.state = 9;
  row_.mac = MacOfRow(row_, *mac_key_);
  EXPECT_THAT(CheckRow(row_, *mac_key_), HasReason(Reason::kIntegrityFailure));
}

}  // namespace
}  // namespace keysvc::tokenizer
