// What happens when somebody who has the database key changes the store behind the service's back:
// it does not start, or the call is refused; no answer is ever another one than was stored.
#include <filesystem>
#include <fstream>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "audit/journal.h"
#include "crypto/bytes.h"
#include "crypto/digest.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "keysvc/head_facts.h"
#include "keysvc/keys/deployment.h"
#include "keysvc/keys/key_registry.h"
#include "keysvc/keys/opened_keys.h"
#include "keysvc/keys/own_keys.h"
#include "keysvc/keys/partner_key.h"
#include "keysvc/keys/partner_keys.h"
#include "keysvc/keys/use_reservations.h"
#include "keysvc/store_check.h"
#include "policy/gate.h"
#include "status/macros.h"
#include "status/reason.h"
#include "store/connection.h"
#include "store/sqlcipher_store.h"
#include "store/statement.h"
#include "tests/fakes/fake_hsm.h"
#include "tests/support/openssl.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"
#include "tokenizer/tokenizer.h"

namespace keysvc {
namespace {

using keysvc::testing::FakeHsm;
using keysvc::testing::HasReason;
using keysvc::testing::OpensslKey;
using keysvc::testing::TemporaryDirectory;
using policy::Action;
using tokenizer::IssuedToken;
namespace fs = std::filesystem;

constexpr char kRequest[] = "11111111-2222-4333-8444-555555555555";
const std::vector<std::string> kPans = {"4111111111111111", "5555555555554444", "378282246310005"};
const keys::PartnerKeyName kBank{"acme", "bank"};
const keys::PartnerKeyName kShop{"acme", "shop"};
const tokenizer::Profile kCards{"acme", "cards", 1, true};
const tokenizer::Profile kOthers{"globex", "cards", 1, true};
const tokenizer::Profile kNumbers{"acme", "numbers", 2, true, tokenizer::Family::kNumeric};
const tokenizer::Profile kOrders{
    .tenant = "acme",
    .name = "orders",
    .number = 3,
    .metadata = {{.name = "store", .values = {"berlin", "vienna"}},
                 {.name = "day", .type = tokenizer::MetadataType::kDate}}};

std::shared_ptr<const policy::Policy> ThePolicy() {
  policy::Policy policy;
  policy.principals = {{"app", "spiffe://x/app", policy::PrincipalKind::kService, {"all"}}};
  policy.rules = {
      {"tokens",
       {"all"},
       {Action::kTokenize, Action::kDetokenize, Action::kSuspendToken, Action::kResumeToken,
        Action::kDeleteToken, Action::kUpdateTokenCard, Action::kListTokens},
       {"tenants/*/tokenProfiles/*"},
       {},
       policy::Reveal::kFull},
      {"keys", {"all"}, {Action::kRotateKey}, {"tenants/*/keys/*"}, {}},
      {"partner-keys",
       {"all"},
       {Action::kCreatePartnerKey, Action::kDisablePartnerKey},
       {"tenants/*/partnerKeys/*"},
       {}}};
  return std::make_shared<const policy::Policy>(std::move(policy));
}

// The service without its edge, over a folder that outlives it.
class Service {
 public:
  Service(FakeHsm& hsm, std::string folder, const std::string& deployment = "dev")
      : hsm_(hsm),
        folder_(std::move(folder)),
        deployment_{deployment, "test", folder_ + "/vault.sidecar"},
        wrapping_(hsm_, deployment, 1),
        gate_(ThePolicy()) {}
  ~Service() {
    if (journal_ != nullptr) journal_->Stop();
    facts_.Attest(nullptr);
  }

  store::SqlcipherOptions options() const {
    return {.path = folder_ + "/vault.db", .deployment = deployment_.name, .environment = "test"};
  }
  absl::Status Create() {
    ASSIGN_OR_RETURN(const auto key, keys::InitializeDeployment(deployment_, hsm_));
    ASSIGN_OR_RETURN(store_, store::CreateSqlcipherStore(options(), key));
    fs::create_directory(folder_ + "/checkpoints");
    return Go();
  }
  absl::Status Start() {
    ASSIGN_OR_RETURN(const auto key, keys::OpenDatabaseKey(deployment_, hsm_));
    ASSIGN_OR_RETURN(store_, store::OpenSqlcipherStore(options(), key));
    return Go();
  }

  std::vector<absl::StatusOr<tokenizer::TokenName>> Tokenize(
      const tokenizer::Profile& profile, const std::string& request_id,
      tokenizer::TokenMetadata metadata = {}) {
    std::vector<absl::StatusOr<tokenizer::CardData>> cards;
    for (const std::string& pan : kPans) {
      cards.push_back(tokenizer::CardData::Parse(crypto::AsBytes(pan), "2030-12", {}));
    }
    std::promise<absl::StatusOr<audit::Recorded<std::vector<absl::StatusOr<IssuedToken>>>>> done;
    tokenizer_->Tokenize(
        PermitFor(Action::kTokenize, profile.ResourceName()), profile, std::move(cards),
        {.request_id = request_id, .trace_id = {}, .metadata = {kPans.size(), std::move(metadata)}},
        [&done](auto recorded) { done.set_value(std::move(recorded)); });
    auto recorded = done.get_future().get();
    const absl::Status failed = recorded.ok() ? recorded->value.status() : recorded.status();
    std::vector<absl::StatusOr<tokenizer::TokenName>> names;
    for (std::size_t i = 0; i < kPans.size(); ++i) {
      const absl::Status status = failed.ok() ? recorded->value->at(i).status() : failed;
      if (status.ok()) names.emplace_back(recorded->value->at(i)->name);
      if (!status.ok()) names.emplace_back(status);
    }
    return names;
  }

  absl::StatusOr<std::string> Detokenize(const tokenizer::TokenName& name) {
    std::promise<absl::StatusOr<std::string>> done;
    std::vector<absl::StatusOr<tokenizer::TokenName>> names;
    names.push_back(name);
    tokenizer_->Detokenize(PermitFor(Action::kDetokenize, "tenants/" + name.tenant + "/tokens"),
                           name.tenant, std::move(names), {}, [&done](auto recorded) {
                             if (!recorded.ok()) return done.set_value(recorded.status());
                             if (!recorded->value.ok())
                               return done.set_value(recorded->value.status());
                             auto& card = recorded->value->front();
                             if (!card.ok()) return done.set_value(card.status());
                             done.set_value(std::string(crypto::AsText(
                                 card->full->pan.Expose(crypto::SecretAccess::kGranted))));
                           });
    return done.get_future().get();
  }

  absl::Status Change(const tokenizer::TokenName& name, Action action,
                      tokenizer::TokenState state) {
    std::promise<absl::Status> done;
    tokenizer_->ChangeState(PermitFor(action, "tenants/" + name.tenant + "/tokens"), name.tenant,
                            {name}, state, {}, [&done](auto recorded) {
                              if (!recorded.ok()) return done.set_value(recorded.status());
                              if (!recorded->value.ok())
                                return done.set_value(recorded->value.status());
                              done.set_value(recorded->value->front());
                            });
    return done.get_future().get();
  }

  absl::Status Update(const tokenizer::TokenName& name, std::string_view pan) {
    std::vector<absl::StatusOr<tokenizer::CardData>> cards;
    cards.push_back(tokenizer::CardData::Parse(crypto::AsBytes(pan), {}, {}));
    std::promise<absl::Status> done;
    tokenizer_->UpdateCards(
        PermitFor(Action::kUpdateTokenCard, "tenants/" + name.tenant + "/tokens"), name.tenant,
        {name}, std::move(cards), {}, [&done](auto recorded) {
          if (!recorded.ok()) return done.set_value(recorded.status());
          if (!recorded->value.ok()) return done.set_value(recorded->value.status());
          done.set_value(recorded->value->front().status());
        });
    return done.get_future().get();
  }

  // The names of the tokens that have this metadata.
  absl::StatusOr<std::vector<std::string>> List(const tokenizer::TokenMetadata& filter) {
    std::promise<absl::StatusOr<std::vector<std::string>>> done;
    tokenizer_->List(PermitFor(Action::kListTokens, kOrders.ResourceName()), kOrders,
                     {.filter = filter, .size = 10}, {}, [&done](auto recorded) {
                       if (!recorded.ok()) return done.set_value(recorded.status());
                       if (!recorded->value.ok()) return done.set_value(recorded->value.status());
                       std::vector<std::string> names;
                       for (const auto& token : recorded->value->tokens) {
                         names.push_back(token.name);
                       }
                       done.set_value(std::move(names));
                     });
    return done.get_future().get();
  }

  absl::Status Rotate(const keys::KeyName& name) {
    auto rotated = registry_->Rotate(PermitFor(Action::kRotateKey, name.ToString()), name, "");
    return rotated.ok() ? rotated->value.status() : rotated.status();
  }
  // Without a request id, so that one more answer is not kept.
  absl::Status CreatePartnerKey(const keys::PartnerKeyName& name, const std::string& pem) {
    auto created =
        partner_keys_->Create(PermitFor(Action::kCreatePartnerKey, name.ToString()), name,
                              {.pem = pem, .not_after = absl::Now() + absl::Hours(24)}, "");
    return created.ok() ? created->value.status() : created.status();
  }
  absl::Status DisablePartnerKey(const keys::PartnerKeyName& name) {
    auto disabled =
        partner_keys_->Disable(PermitFor(Action::kDisablePartnerKey, name.ToString()), name, "");
    return disabled.ok() ? disabled->value.status() : disabled.status();
  }
  const std::vector<std::string>& said() const { return said_; }

 private:
  absl::Status Go() {
    ASSIGN_OR_RETURN(signer_, keys::OpenCheckpointSigner(deployment_, hsm_));
    audit::JournalOptions options;
    options.origin = "keysvc.example/test";
    options.checkpoint_directory = folder_ + "/checkpoints";
    options.head_details = [this] { return facts_.Get(); };
    ASSIGN_OR_RETURN(journal_, audit::Journal::Start(*store_, *signer_, std::move(options)));
    ASSIGN_OR_RETURN(registry_,
                     keys::KeyRegistry::Load(hsm_, wrapping_, *store_, *journal_, "test"));
    ASSIGN_OR_RETURN(partner_keys_,
                     keys::PartnerKeys::Load({*registry_, *store_, *journal_},
                                             {hsm_, deployment_.RegistryLabel(), "test"}));
    for (const auto& profile : profiles_.all()) {
      RETURN_IF_ERROR(registry_->EnsureProfileKeys(profile));
    }
    opened_ = std::make_unique<keys::OpenedKeys>(*registry_);
    ASSIGN_OR_RETURN(
        const tokenizer::StoredTokens tokens,
        CheckStore(*store_, *journal_, *registry_, profiles_, *opened_, CheckDepth::kEveryRow,
                   [this](const std::string& line) { said_.push_back(line); }));
    facts_.Attest(
        [this, tokens] { return StoreFacts(*registry_, *partner_keys_, *journal_, tokens); });
    ASSIGN_OR_RETURN(reservations_, keys::UseReservations::Start(
                                        *registry_, [](std::string_view, std::string_view) {}));
    tokenizer_ =
        std::make_unique<tokenizer::Tokenizer>(profiles_, *opened_, *store_, *journal_, gate_);
    return absl::OkStatus();
  }
  policy::Permit PermitFor(Action action, std::string_view resource) {
    return *gate_.Authorize(*gate_.Identify("spiffe://x/app", "ipv4:192.0.2.7:9"), action,
                            resource);
  }

  FakeHsm& hsm_;
  const std::string folder_;
  const keys::Deployment deployment_;
  keys::KeyWrapping wrapping_;
  policy::Gate gate_;
  const tokenizer::Profiles profiles_ =
      *tokenizer::Profiles::Create({kCards, kOthers, kNumbers, kOrders});
  HeadFacts facts_;
  std::vector<std::string> said_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<audit::CheckpointSigner> signer_;
  std::unique_ptr<audit::Journal> journal_;
  std::unique_ptr<keys::KeyRegistry> registry_;
  std::unique_ptr<keys::PartnerKeys> partner_keys_;
  std::unique_ptr<keys::OpenedKeys> opened_;
  std::unique_ptr<keys::UseReservations> reservations_;
  std::unique_ptr<tokenizer::Tokenizer> tokenizer_;
};

class TamperingTest : public ::testing::Test {
 protected:
  void SetUp() override {
    fs::create_directory(original_);
    Service service(hsm_, original_);
    ASSERT_OK(service.Create());
    for (auto& name : service.Tokenize(kCards, kRequest)) {
      ASSERT_OK(name);
      names_.push_back(*name);
    }
    for (auto& name : service.Tokenize(kOthers, "")) {
      ASSERT_OK(name);
      names_.push_back(*name);
    }
    ASSERT_OK(service.CreatePartnerKey(kBank, pem_));
    ASSERT_OK(service.CreatePartnerKey(kShop, pem_));
  }
  // A copy of the folder to tamper with.
  void Fresh() {
    fs::remove_all(copy_);
    fs::copy(original_, copy_, fs::copy_options::recursive);
  }
  std::unique_ptr<store::Connection> Connect(const std::string& folder) {
    auto key = keys::OpenDatabaseKey({"dev", "test", folder + "/vault.sidecar"}, hsm_);
    EXPECT_OK(key);
    auto connection =
        store::Connection::Open(folder + "/vault.db", *key, store::Connection::Mode::kWriter, 1);
    EXPECT_OK(connection);
    return *std::move(connection);
  }
  void Sql(const std::string& sql) {
    const auto connection = Connect(copy_);
    ASSERT_OK(connection->Execute("PRAGMA ignore_check_constraints = ON"));
    ASSERT_OK(connection->Execute(sql.c_str())) << sql;
  }
  struct Column {
    std::string table;
    std::string name;
    std::string other;  // an expression: another value of its type, also where there is none
  };
  std::vector<Column> Columns() {
    const auto connection = Connect(original_);
    auto query = store::Statement::Prepare(
        *connection,
        "SELECT m.name, c.name, c.type FROM sqlite_master m, pragma_table_info(m.name) c "
        "WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%' ORDER BY 1, c.cid");
    EXPECT_OK(query);
    std::vector<Column> columns;
    auto row = query->Bind();
    while (*row.Step()) {
      const std::string name = row.Bytes(1);
      const std::string type = row.Bytes(2);
      // Of a truth the other one.
      const std::string other = name.starts_with("is_") ? "1 - " + name
                                : type == "INTEGER"     ? "coalesce(" + name + ", 0) + 1000"
                                : type == "TEXT"
                                    ? "coalesce(" + name + ", '') || 'x'"
                                    : "CAST(coalesce(" + name + ", x'') || x'00' AS BLOB)";
      columns.push_back({row.Bytes(0), name, other});
    }
    return columns;
  }

  // Whether starting on the copy, reading every card or repeating the request was refused. Fails
  // the test when an answer is another one than was stored.
  bool IsNoticed() {
    Service service(hsm_, copy_);
    const absl::Status started = service.Start();
    if (!started.ok()) {
      why_ = started.ToString();
      return true;
    }
    bool noticed = false;
    for (std::size_t i = 0; i < names_.size(); ++i) {
      const auto pan = service.Detokenize(names_[i]);
      if (pan.ok()) {
        EXPECT_EQ(*pan, kPans[i % kPans.size()]);
      }
      noticed = noticed || !pan.ok();
    }
    const auto repeated = service.Tokenize(kCards, kRequest);
    for (std::size_t i = 0; i < repeated.size(); ++i) {
      if (repeated[i].ok()) {
        EXPECT_EQ(repeated[i]->token, names_[i].token);
      }
      noticed = noticed || !repeated[i].ok();
    }
    return noticed;
  }

  FakeHsm hsm_;
  const std::string pem_ = OpensslKey("-algorithm ed25519").public_pem();
  TemporaryDirectory directory_;
  const std::string original_ = directory_.File("original");
  const std::string copy_ = directory_.File("copy");
  std::vector<tokenizer::TokenName> names_;  // of kPans in the one profile, then in the other
  std::string why_;
};

TEST_F(TamperingTest, NothingIsNoticedWhereNothingWasChanged) {
  Fresh();
  EXPECT_FALSE(IsNoticed()) << why_;
}

TEST_F(TamperingTest, EveryColumnThatIsChangedIsNoticed) {
  // What these hold decides nothing.
  const std::set<std::string> exempt = {
      "meta.only_row", "meta.created_ms", "frontier.only_row", "idempotency.id",
      // Without its row a request is done again, and a deterministic profile gives the same tokens.
      "idempotency.principal", "idempotency.request_id"};
  const auto columns = Columns();
  EXPECT_GT(columns.size(), 45u);
  for (const auto& [table, column, other] : columns) {
    for (const char* row : {"min", "max"}) {
      if (table == "checkpoints" && std::string(row) == "min") continue;  // the newest counts
      if (table == "token_metadata") continue;                            // it is empty
      SCOPED_TRACE(absl::StrCat(table, ".", column, " ", row));
      Fresh();
      Sql(absl::StrCat("UPDATE ", table, " SET ", column, " = ", other, " WHERE rowid = (SELECT ",
                       row, "(rowid) FROM ", table, ")"));
      EXPECT_EQ(IsNoticed(), !exempt.contains(table + "." + column));
    }
  }
}

TEST_F(TamperingTest, RowsSwappedDeletedOrTakenFromAnotherTenantAreNoticed) {
  const std::vector<std::string> changes = {
      "UPDATE tokens SET handle = -handle WHERE handle < 3;"
      "UPDATE tokens SET handle = 3 + handle WHERE handle < 0",
      "UPDATE tokens SET sealed = (SELECT sealed FROM tokens WHERE handle = 2) WHERE handle = 1",
      "UPDATE tokens SET leaf_index = (SELECT max(leaf_index) FROM tokens) WHERE handle = 1",
      "UPDATE tokens SET leaf_index = NULL WHERE handle = 2",
      "DELETE FROM tokens WHERE handle = 1",
      "DELETE FROM tokens WHERE tenant = 'globex' AND handle = (SELECT max(handle) FROM tokens)",
      "UPDATE tokens SET tenant = 'globex' WHERE handle = 1",
      "UPDATE key_versions SET wrapped = (SELECT wrapped FROM key_versions WHERE tenant = 'globex' "
      "AND name = 'cards-data') WHERE tenant = 'acme' AND name = 'cards-data'",
      "DELETE FROM key_versions WHERE name = 'cards-data'",
      "DELETE FROM key_versions WHERE tenant = 'globex'",
      "DELETE FROM partner_keys WHERE name = 'bank'",
      "DELETE FROM partner_keys",
      "UPDATE partner_keys SET name = name || 'x'",
      "DELETE FROM leaves WHERE leaf_index = 1",
      "DELETE FROM leaves WHERE leaf_index = (SELECT max(leaf_index) FROM leaves)",
      "DELETE FROM frontier",
      "DELETE FROM meta",
  };
  for (const std::string& change : changes) {
    SCOPED_TRACE(change);
    Fresh();
    Sql(change);
    EXPECT_TRUE(IsNoticed());
  }
}

TEST_F(TamperingTest, ATokenRowThatIsGoneIsMissedAtTheStart) {
  for (const char* row : {"min", "max"}) {
    Fresh();
    Sql(absl::StrCat("DELETE FROM tokens WHERE handle = (SELECT ", row, "(handle) FROM tokens)"));
    EXPECT_TRUE(IsNoticed());
    EXPECT_THAT(why_, ::testing::HasSubstr("tokens are missing"));
  }
}

// Tokens of digits too.
class NumericTokensTest : public TamperingTest {
 protected:
  void SetUp() override {
    TamperingTest::SetUp();
    Service service(hsm_, original_);
    ASSERT_OK(service.Start());
    for (auto& name : service.Tokenize(kNumbers, "")) {
      ASSERT_OK(name);
      name->profile = kNumbers.ResourceName();
      names_.push_back(*name);
    }
  }
};

TEST_F(NumericTokensTest, AreSoundWhereNothingWasChanged) {
  Fresh();
  EXPECT_FALSE(IsNoticed()) << why_;
}

TEST_F(NumericTokensTest, EveryColumnOfTheirRowsThatIsChangedIsNoticed) {
  for (const auto& [table, column, other] : Columns()) {
    if (table != "tokens") continue;
    SCOPED_TRACE(column);
    Fresh();
    Sql(absl::StrCat("UPDATE tokens SET ", column, " = ", other,
                     " WHERE handle = (SELECT min(handle) FROM tokens WHERE digits IS NOT NULL)"));
    EXPECT_TRUE(IsNoticed());
  }
}

TEST_F(NumericTokensTest, DigitsThatAreSwappedTakenAwayOrGivenToAnotherRowAreNoticed) {
  const std::string first = "(SELECT min(handle) FROM tokens WHERE digits IS NOT NULL)";
  const std::string one = absl::StrCat("(SELECT digits FROM tokens WHERE handle = ", first, ")");
  const std::string two =
      absl::StrCat("(SELECT digits FROM tokens WHERE handle = 1 + ", first, ")");
  const std::vector<std::string> changes = {
      "UPDATE tokens SET digits = NULL WHERE digits IS NOT NULL",
      absl::StrCat("UPDATE tokens SET digits = NULL WHERE handle = ", first),
      absl::StrCat("CREATE TABLE kept AS SELECT ", one, " AS one, ", two, " AS two, ", first,
                   " AS first; UPDATE tokens SET digits = NULL WHERE digits IS NOT NULL AND handle "
                   "< 2 + (SELECT first FROM kept); UPDATE tokens SET digits = (SELECT two FROM "
                   "kept) WHERE handle = (SELECT first FROM kept); UPDATE tokens SET digits = "
                   "(SELECT one FROM kept) WHERE handle = 1 + (SELECT first FROM kept)"),
      "UPDATE tokens SET digits = x'303030303030303030303030' WHERE handle = 1",
  };
  for (const std::string& change : changes) {
    SCOPED_TRACE(change);
    Fresh();
    Sql(change);
    EXPECT_TRUE(IsNoticed());
  }
}

// Tokens with metadata too: of two stores.
class MetadataTest : public TamperingTest {
 protected:
  void SetUp() override {
    TamperingTest::SetUp();
    Service service(hsm_, original_);
    ASSERT_OK(service.Start());
    for (const char* store : {"berlin", "vienna"}) {
      for (auto& name : service.Tokenize(kOrders, "", {{"day", "2027-01-31"}, {"store", store}})) {
        ASSERT_OK(name);
        names_.push_back(*name);
      }
    }
  }
};

TEST_F(MetadataTest, IsSoundWhereNothingWasChanged) {
  Fresh();
  EXPECT_FALSE(IsNoticed()) << why_;
  Service service(hsm_, copy_);
  ASSERT_OK(service.Start());
  const auto listed = service.List({{"store", "vienna"}, {"day", "2027-01-31"}});
  ASSERT_OK(listed);
  EXPECT_EQ(listed->size(), kPans.size());
}

TEST_F(MetadataTest, EveryColumnOfTheIndexAndOfTheRowsThatIsChangedIsNoticedAtTheStart) {
  for (const auto& [table, column, other] : Columns()) {
    const bool index = table == "token_metadata";
    if (!index && (table != "tokens" || column != "metadata")) continue;
    for (const char* row : {"min", "max"}) {
      SCOPED_TRACE(absl::StrCat(table, ".", column, " ", row));
      Fresh();
      Sql(absl::StrCat("UPDATE ", table, " SET ", column, " = ", other, " WHERE handle = (SELECT ",
                       row, "(handle) FROM token_metadata)", index ? " AND field = 'store'" : ""));
      EXPECT_TRUE(IsNoticed());
    }
  }
}

TEST_F(MetadataTest, EntriesThatAreMissingOrTooManyAndRowsOfOthersAreNoticedAtTheStart) {
  const std::vector<std::string> changes = {
      "DELETE FROM token_metadata WHERE handle = (SELECT max(handle) FROM token_metadata)",
      "DELETE FROM token_metadata",
      "INSERT INTO token_metadata SELECT 'vienna', field, tenant, profile, handle FROM "
      "token_metadata WHERE value = 'berlin' LIMIT 1",
      "INSERT INTO token_metadata SELECT value, field, tenant, profile, 1 FROM token_metadata "
      "LIMIT 1",
      "INSERT INTO token_metadata SELECT value, field, tenant, profile, 1000000 FROM "
      "token_metadata LIMIT 1",
      "UPDATE tokens SET metadata = NULL WHERE metadata IS NOT NULL; DELETE FROM token_metadata",
      "UPDATE tokens SET metadata = (SELECT max(metadata) FROM tokens) WHERE metadata IS NOT NULL",
      "UPDATE tokens SET metadata = (SELECT max(metadata) FROM tokens) WHERE handle = 1",
  };
  for (const std::string& change : changes) {
    SCOPED_TRACE(change);
    Fresh();
    Sql(change);
    EXPECT_TRUE(IsNoticed());
  }
}

TEST_F(MetadataTest, AnEntryThatLiesWhileTheServiceRunsGivesNoWrongAnswer) {
  for (const char* handle :
       {"1", "1000000", "(SELECT min(handle) FROM token_metadata WHERE value = 'berlin')"}) {
    Fresh();
    Service service(hsm_, copy_);
    ASSERT_OK(service.Start());
    Sql(absl::StrCat("INSERT INTO token_metadata SELECT value, field, tenant, profile, ", handle,
                     " FROM token_metadata WHERE value = 'vienna' LIMIT 1"));
    EXPECT_THAT(service.List({{"store", "vienna"}}), HasReason(Reason::kIntegrityFailure))
        << handle;
    EXPECT_OK(service.List({{"store", "berlin"}}));
  }
}

// Suspended in the one profile, deleted in the other.
class ChangedTokensTest : public TamperingTest {
 protected:
  void SetUp() override {
    TamperingTest::SetUp();
    {
      const auto connection = Connect(original_);
      ASSERT_OK(connection->Execute("CREATE TABLE kept AS SELECT * FROM tokens"));
    }
    Service service(hsm_, original_);
    ASSERT_OK(service.Start());
    ASSERT_OK(service.Change(names_[0], Action::kSuspendToken, tokenizer::TokenState::kSuspended));
    ASSERT_OK(service.Change(names_[3], Action::kDeleteToken, tokenizer::TokenState::kDeleted));
    names_ = {names_[0], names_[3]};
  }

  // Whether the start was refused, or a token that is not active was opened or its row taken for
  // sound. Fails the test when one was opened.
  bool IsChangeNoticed() {
    Service service(hsm_, copy_);
    if (const absl::Status started = service.Start(); !started.ok()) {
      why_ = started.ToString();
      return true;
    }
    const auto suspended = service.Detokenize(names_[0]).status();
    const auto deleted = service.Detokenize(names_[1]).status();
    EXPECT_FALSE(suspended.ok());
    EXPECT_FALSE(deleted.ok());
    return ReasonOf(suspended) != Reason::kTokenSuspended ||
           ReasonOf(deleted) != Reason::kTokenDeleted;
  }
};

TEST_F(ChangedTokensTest, AreSoundWhereNothingWasChangedBehindTheServicesBack) {
  Fresh();
  EXPECT_FALSE(IsChangeNoticed()) << why_;
}

TEST_F(ChangedTokensTest, EveryColumnOfTheirRowsThatIsChangedIsNoticed) {
  for (const auto& [table, column, other] : Columns()) {
    if (table != "tokens") continue;
    for (const char* state : {"2", "3"}) {
      SCOPED_TRACE(absl::StrCat(column, " in state ", state));
      Fresh();
      Sql(absl::StrCat("UPDATE tokens SET ", column, " = ", other, " WHERE state = ", state));
      EXPECT_TRUE(IsChangeNoticed());
    }
  }
}

TEST_F(ChangedTokensTest, ARowThatIsPutBackToBeforeTheChangeIsNoticedAtTheStart) {
  for (const char* state : {"2", "3"}) {
    Fresh();
    Sql(
        absl::StrCat("UPDATE tokens SET (index_version, pan_index, data_version, sealed, state, "
                     "revision, mac) = (SELECT index_version, pan_index, data_version, sealed, "
                     "state, revision, mac FROM kept WHERE kept.handle = tokens.handle) "
                     "WHERE state = ",
                     state));
    EXPECT_TRUE(IsChangeNoticed());
    EXPECT_THAT(why_, ::testing::HasSubstr("older than the log says"));
  }
}

TEST_F(ChangedTokensTest, TheRowOfOneIsNotTakenForAnothers) {
  Fresh();
  Sql("UPDATE tokens SET handle = -handle WHERE state > 1;"
      "UPDATE tokens SET handle = (SELECT -min(handle) - max(handle) FROM tokens WHERE handle < 0) "
      "+ handle WHERE handle < 0");
  EXPECT_TRUE(IsChangeNoticed());
}

// Whose card was replaced.
class UpdatedTokenTest : public TamperingTest {
 protected:
  void SetUp() override {
    TamperingTest::SetUp();
    {
      const auto connection = Connect(original_);
      ASSERT_OK(connection->Execute("CREATE TABLE kept AS SELECT * FROM tokens"));
    }
    Service service(hsm_, original_);
    ASSERT_OK(service.Start());
    ASSERT_OK(service.Update(names_[0], "6011111111111117"));
  }

  // Whether the start was refused, or the token does not open. Fails the test when it opens to
  // another card than the new one.
  bool IsChangeNoticed() {
    Service service(hsm_, copy_);
    if (const absl::Status started = service.Start(); !started.ok()) {
      why_ = started.ToString();
      return true;
    }
    const auto card = service.Detokenize(names_[0]);
    if (card.ok()) {
      EXPECT_EQ(*card, "6011111111111117");
    }
    return !card.ok();
  }
};

TEST_F(UpdatedTokenTest, IsSoundWhereNothingWasChangedBehindTheServicesBack) {
  Fresh();
  EXPECT_FALSE(IsChangeNoticed()) << why_;
}

TEST_F(UpdatedTokenTest, EveryColumnOfItsRowThatIsChangedIsNoticed) {
  for (const auto& [table, column, other] : Columns()) {
    if (table != "tokens") continue;
    SCOPED_TRACE(column);
    Fresh();
    Sql(absl::StrCat("UPDATE tokens SET ", column, " = ", other, " WHERE revision = 2"));
    EXPECT_TRUE(IsChangeNoticed());
  }
}

TEST_F(UpdatedTokenTest, TheFormerCardThatIsPutBackIsNoticedWithAndWithoutItsRevision) {
  for (const char* columns : {"index_version, pan_index, data_version, sealed",
                              "index_version, pan_index, data_version, sealed, mac",
                              "index_version, pan_index, data_version, sealed, revision, mac"}) {
    SCOPED_TRACE(columns);
    Fresh();
    Sql(absl::StrCat("UPDATE tokens SET (", columns, ") = (SELECT ", columns,
                     " FROM kept WHERE kept.handle = tokens.handle) WHERE revision = 2"));
    EXPECT_TRUE(IsChangeNoticed());
  }
}

TEST_F(TamperingTest, APartnerKeyPutBackToBeforeItWasDisabledIsNoticed) {
  Fresh();
  Sql("CREATE TABLE kept AS SELECT * FROM partner_keys");
  {
    Service service(hsm_, copy_);
    ASSERT_OK(service.Start());
    ASSERT_OK(service.DisablePartnerKey(kBank));
  }
  Sql("DELETE FROM partner_keys WHERE name = 'bank';"
      "INSERT INTO partner_keys SELECT * FROM kept WHERE name = 'bank'");
  EXPECT_TRUE(IsNoticed());
  EXPECT_THAT(why_, ::testing::HasSubstr("partner keys are not those that the log tells of"));
}

TEST_F(TamperingTest, AKeyRowPutBackIsNoticed) {
  Fresh();
  Sql("CREATE TABLE kept AS SELECT * FROM key_versions");
  {
    Service service(hsm_, copy_);
    ASSERT_OK(service.Start());
    ASSERT_OK(service.Rotate(keys::DataKeyOf(kCards)));
  }
  Sql("DELETE FROM key_versions WHERE name = 'cards-data' AND tenant = 'acme';"
      "INSERT INTO key_versions SELECT * FROM kept WHERE name = 'cards-data' AND tenant = 'acme'");
  EXPECT_TRUE(IsNoticed());
  EXPECT_THAT(why_, ::testing::HasSubstr("not those that the log tells of"));
}

TEST_F(TamperingTest, EveryByteOfTheSidecarCounts) {
  const std::string path = original_ + "/vault.sidecar";
  std::ifstream in(path, std::ios::binary);
  const std::string sidecar((std::istreambuf_iterator<char>(in)), {});
  const keys::Deployment deployment{"dev", "test", directory_.File("sidecar")};
  const auto opens = [&](const std::string& bytes) {
    std::ofstream(deployment.sidecar_path, std::ios::binary) << bytes;
    return keys::OpenDatabaseKey(deployment, hsm_).ok();
  };
  ASSERT_TRUE(opens(sidecar));
  const std::size_t body = sidecar.size() - sizeof(crypto::Sha256Digest);
  for (std::size_t i = 0; i < sidecar.size(); ++i) {
    std::string changed = sidecar;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_FALSE(opens(changed)) << i;
    if (i >= body) continue;
    changed.resize(body);
    changed += crypto::AsText(crypto::Sha256(changed));
    EXPECT_FALSE(opens(changed)) << i << " with a new digest";
  }
  for (std::size_t size = 0; size < sidecar.size(); ++size) {
    EXPECT_FALSE(opens(sidecar.substr(0, size))) << size;
  }
}

TEST_F(TamperingTest, PagesThatAreFlippedBlankedOrSwappedNeverChangeAnAnswer) {
  constexpr std::size_t kPage = 4096;
  std::ifstream in(original_ + "/vault.db", std::ios::binary);
  const std::string file((std::istreambuf_iterator<char>(in)), {});
  const std::size_t pages = file.size() / kPage;
  ASSERT_GT(pages, 5u);
  std::size_t noticed = 0;
  const auto with = [&](const std::string& bytes) {
    Fresh();
    std::ofstream(copy_ + "/vault.db", std::ios::binary | std::ios::trunc) << bytes;
    if (IsNoticed()) ++noticed;
  };
  for (std::size_t page = 0; page < pages; ++page) {
    SCOPED_TRACE(page);
    std::string flipped = file;
    flipped[page * kPage + 100] = static_cast<char>(flipped[page * kPage + 100] ^ 1);
    with(flipped);
    std::string blank = file;
    blank.replace(page * kPage, kPage, std::string(kPage, '\0'));
    with(blank);
    std::string swapped = file;
    const std::size_t other = (page + 1) % pages;
    swapped.replace(page * kPage, kPage, file, other * kPage, kPage);
    swapped.replace(other * kPage, kPage, file, page * kPage, kPage);
    with(swapped);
  }
  // Every page in use is noticed; a few may be free.
  EXPECT_GT(noticed, pages * 2);
}

TEST_F(TamperingTest, FilesOfAnotherDeploymentOrCutShortOrOlderAreRefused) {
  const std::string other = directory_.File("other");
  fs::create_directory(other);
  FakeHsm other_hsm;
  {
    Service service(other_hsm, other, "elsewhere");
    ASSERT_OK(service.Create());
  }
  const auto replaced = [&](const char* name) {
    Fresh();
    fs::remove_all(copy_ + "/" + name);
    fs::copy(other + "/" + name, copy_ + "/" + name, fs::copy_options::recursive);
    return IsNoticed();
  };
  EXPECT_TRUE(replaced("vault.db"));
  EXPECT_TRUE(replaced("vault.sidecar"));
  EXPECT_TRUE(replaced("checkpoints"));

  Fresh();
  fs::resize_file(copy_ + "/vault.db", fs::file_size(copy_ + "/vault.db") / 2);
  EXPECT_TRUE(IsNoticed());

  // The database of yesterday, the checkpoints of today.
  Fresh();
  {
    Service service(hsm_, copy_);
    ASSERT_OK(service.Start());
  }
  fs::copy(original_ + "/vault.db", copy_ + "/vault.db", fs::copy_options::overwrite_existing);
  EXPECT_TRUE(IsNoticed());
  EXPECT_THAT(why_, ::testing::HasSubstr("older"));

  Fresh();
  Sql("PRAGMA user_version = 99");
  EXPECT_TRUE(IsNoticed());
}

TEST_F(TamperingTest, AStartSaysWhatItChecked) {
  Fresh();
  Service service(hsm_, copy_);
  ASSERT_OK(service.Start());
  ASSERT_EQ(service.said().size(), 1u);
  EXPECT_THAT(service.said()[0], ::testing::HasSubstr("6 tokens"));
}

}  // namespace
}  // namespace keysvc
