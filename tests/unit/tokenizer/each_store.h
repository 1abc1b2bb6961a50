// A tokenizing service over each kind of store.
#ifndef KEYSVC_TESTS_UNIT_TOKENIZER_EACH_STORE_H_
#define KEYSVC_TESTS_UNIT_TOKENIZER_EACH_STORE_H_

#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "store/sqlcipher_store.h"
#include "tests/fakes/literal_keys.h"
#include "tests/fakes/memory_store.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tests/unit/tokenizer/tokenizing_service.h"

namespace keysvc::tokenizer {

enum class StoreKind { kMemory, kSqlcipher };

class EachStoreTest : public ::testing::TestWithParam<StoreKind> {
 protected:
  EachStoreTest() {
    if (GetParam() == StoreKind::kMemory) {
      store_ = std::make_unique<keysvc::testing::MemoryStore>();
    } else {
      store::SqlcipherOptions options;
      options.path = directory_.File("store.db");
      options.deployment = "test";
      options.environment = "development";
      auto store = store::CreateSqlcipherStore(options, keysvc::testing::LiteralKey("database"));
      EXPECT_OK(store);
      store_ = *std::move(store);
    }
    service_ = std::make_unique<Service>(*store_);
  }

  std::vector<store::TokenRow> Rows() { return *store_->ReadTokens(0, 1000); }

  const keysvc::testing::TemporaryDirectory directory_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Service> service_;
};

// Every test of the suite, with either store.
#define WITH_EACH_STORE(Suite)                                                     \
  INSTANTIATE_TEST_SUITE_P(                                                        \
      Stores, Suite, ::testing::Values(StoreKind::kMemory, StoreKind::kSqlcipher), \
      [](const auto& kind) { return kind.param == StoreKind::kMemory ? "Memory" : "Sqlcipher"; })

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TESTS_UNIT_TOKENIZER_EACH_STORE_H_
