#include "keysvc/config.h"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/time.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "status/reason.h"
#include "tests/support/status_matchers.h"
#include "tests/support/temporary_directory.h"

namespace keysvc {
namespace {

using testing::HasReason;
using ::testing::HasSubstr;
using testing::ReadFile;

std::string Example() { return ReadFile(KEYSVC_SOURCE_DIR "/deploy/config.example.yaml"); }

// The example with one piece of text replaced, which must be there.
std::string ExampleWith(const std::string& text, const std::string& replacement) {
  std::string config = Example();
  EXPECT_EQ(absl::StrReplaceAll({{text, replacement}}, &config), 1) << text;
  return config;
}

absl::StatusOr<Config> Parse(const std::string& text) {
  return ParseConfig(text, "/etc/keysvc/config.yaml");
}

void ExpectFault(const std::string& text, std::string_view what) {
  const absl::StatusOr<Config> config = Parse(text);
  EXPECT_THAT(config, HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(std::string(config.status().message()), HasSubstr(std::string(what)));
  EXPECT_THAT(std::string(config.status().message()), HasSubstr("config.yaml:"));
}

TEST(Config, ReadsTheExample) {
  const absl::StatusOr<Config> config = Parse(Example());
  ASSERT_OK(config);
  EXPECT_EQ(config->deployment.name, "development");
  EXPECT_EQ(config->deployment.environment, "development");
  EXPECT_EQ(config->deployment.sidecar_path, "/etc/keysvc/data/vault.sidecar");
  EXPECT_EQ(config->listen, "127.0.0.1:7443");
  EXPECT_EQ(config->certificate_file, "/etc/keysvc/pki/server.pem");
  EXPECT_EQ(config->private_key_file, "/etc/keysvc/pki/server.key");
  ASSERT_EQ(config->trust_domains.size(), 1U);
  EXPECT_EQ(config->trust_domains[0].name, "dev.keysvc.example");
  EXPECT_EQ(config->trust_domains[0].ca_file, "/etc/keysvc/pki/ca.pem");
  EXPECT_EQ(config->token.module_path, "/usr/lib/softhsm/libsofthsm2.so");
  EXPECT_EQ(config->token.token_label, "keysvc-development");
  EXPECT_EQ(config->token.pin_file, "/etc/keysvc/pin");
  EXPECT_EQ(config->token.pin_marker_file, "/etc/keysvc/data/vault.pin-refused");
  EXPECT_EQ(config->recovery_certificate_file, "/etc/keysvc/recovery/recovery.pem");
  EXPECT_EQ(config->token.sessions, 8U);
  EXPECT_EQ(config->store.path, "/etc/keysvc/data/vault.db");
  EXPECT_EQ(config->store.deployment, "development");
  EXPECT_EQ(config->store.environment, "development");
  EXPECT_EQ(config->audit_origin, "dev.keysvc.example/development");
  EXPECT_EQ(config->checkpoint_directory, "/etc/keysvc/checkpoints");
  EXPECT_EQ(config->checkpoint_interval, absl::Seconds(10));
  EXPECT_EQ(config->policy_file, "/etc/keysvc/policy.yaml");
  ASSERT_EQ(config->profiles.size(), 8U);
  EXPECT_EQ(config->profiles[0].ResourceName(), "tenants/acme/tokenProfiles/cards");
  EXPECT_EQ(config->profiles[0].number, 1);
  EXPECT_TRUE(config->profiles[0].deterministic);
  EXPECT_FALSE(config->profiles[1].deterministic);
  EXPECT_EQ(config->profiles[1].metadata.size(), 2U);
  EXPECT_EQ(config->profiles[2].family, tokenizer::Family::kNumeric);
  EXPECT_EQ(config->profiles[3].family, tokenizer::Family::kFf1);
  EXPECT_EQ(config->profiles[4].family, tokenizer::Family::kEmv);
  EXPECT_EQ(config->profiles[5].uses, 1U);
  EXPECT_TRUE(config->profiles[6].domain.merchant);
  EXPECT_EQ(config->profiles[7].family, tokenizer::Family::kExternal);
  EXPECT_EQ(config->locked_memory_mib, 2U);
  EXPECT_EQ(config->accepted_signatures_per_key, 1'000'000U);
}

TEST(Config, RefusesAPinAnywhereAndDoesNotRepeatIt) {
  for (const std::string place : {"deployment:\n", "tls:\n", "token:\n", "store:\n", "audit:\n"}) {
    const std::string text = ExampleWith("\n" + place, "\n" + place + "  pin: 98761234\n");
    ExpectFault(text, "a PIN never stands in the configuration");
    EXPECT_EQ(std::string(Parse(text).status().message()).find("98761234"), std::string::npos);
  }
  ExpectFault(Example() + "pin: 98761234\n", "a PIN never stands in the configuration");
}

TEST(Config, TellsTheLibraryOfTheTokenWhatItWantsToKnow) {
  const auto config = Parse(ExampleWith(
      "  label: keysvc-development\n",
      "  label: keysvc-development\n  module_arguments: \"configdir='sql:/somewhere'\"\n"
      "  restrict_mechanisms: false\n"));
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_EQ(config->token.module_arguments, "configdir='sql:/somewhere'");
  EXPECT_FALSE(config->token.restrict_mechanisms);
  EXPECT_TRUE(Parse(Example())->token.restrict_mechanisms);
}

TEST(Config, NamesThePlaceOfAFault) {
  ExpectFault("surprise: 1\n" + Example(), "config.yaml:1:1: ");
}

TEST(Config, RefusesWhatItDoesNotMean) {
  const std::vector<std::pair<std::string, std::string>> changes = {
      {"environment: development", "environment: staging"},
      {"name: development\n", "name: Development\n"},
      {"listen: 127.0.0.1:7443", "listen: 127.0.0.1"},
      {"listen: 127.0.0.1:7443", "listen: \":7443\""},
      {"listen: 127.0.0.1:7443", "listen: 127.0.0.1:70000"},
      {"listen: 127.0.0.1:7443", "listen: \"::1:7443\""},
      {"name: dev.keysvc.example", "name: \"spiffe://dev.keysvc.example\""},
      {"sessions: 8", "sessions: 0"},
      {"sessions: 8", "sessions: 65"},
      {"readers: 2", "readers: 0"},
      {"pin_file: pin", "module_path: pin"},
      {"pin_file: pin", "pin_file: pin\n  pin_credential: pin"},
      {"checkpoint_interval_seconds: 10", "checkpoint_interval_seconds: 11"},
      {"origin: dev.keysvc.example/development", "origin: a log"},
      {"number: 1\n", "number: 0\n"},
      {"number: 1\n", "number: 65536\n"},
      {"number: 2\n", "number: 1\n"},
      {"name: receipts", "name: cards"},
      {"1\n    deterministic: true", "1\n    deterministic: yes"},
      {"locked_memory_mib: 2", "locked_memory_mib: 65"},
      {"accepted_signatures_per_key: 1000000", "accepted_signatures_per_key: 0"},
      {"accepted_signatures_per_key: 1000000", "accepted_signatures_per_key: 10000001"},
      {"policy: policy.yaml\n", ""},
  };
  for (const auto& [text, replacement] : changes) {
    EXPECT_THAT(Parse(ExampleWith(text, replacement)), HasReason(Reason::kConfigInvalid))
        << replacement;
  }
}

TEST(Config, RemembersOneToTenMillionAcceptedSignaturesOfAKey) {
  const std::string line = "accepted_signatures_per_key: 1000000\n";
  const auto remembered = [&](const std::string& text) {
    const absl::StatusOr<Config> config = Parse(ExampleWith(line, text));
    return config.ok() ? config->accepted_signatures_per_key : 0;
  };
  EXPECT_EQ(remembered(""), 1'000'000U);
  EXPECT_EQ(remembered("accepted_signatures_per_key: 1\n"), 1U);
  EXPECT_EQ(remembered("accepted_signatures_per_key: 10000000\n"), 10'000'000U);
}

TEST(Config, KeepsKeysOpenForOneToFifteenMinutes) {
  const std::string line = "opened_key_minutes: 15\n";
  const auto lifetime = [&](const std::string& text) {
    const absl::StatusOr<Config> config = Parse(ExampleWith(line, text));
    return config.ok() ? config->opened_key_lifetime : absl::ZeroDuration();
  };
  EXPECT_EQ(lifetime(""), absl::Minutes(15));
  EXPECT_EQ(lifetime("opened_key_minutes: 1\n"), absl::Minutes(1));
  EXPECT_EQ(lifetime("opened_key_minutes: 15\n"), absl::Minutes(15));

  const std::string example = Example();
  const auto before = example.begin() + static_cast<std::ptrdiff_t>(example.find(line));
  const auto place =
      absl::StrCat("config.yaml:", 1 + std::count(example.begin(), before, '\n'), ":");
  const auto refused = [&](const std::string& value, std::string_view what) {
    ExpectFault(ExampleWith(line, "opened_key_minutes: " + value + "\n"),
                place + std::string(what));
  };
  for (const char* value : {"0", "16", "-1"}) {
    refused(value, "21: a number from 1 to 15 is expected");
  }
  for (const char* value : {"1.5", "\"\"", "15m", "[15]"}) {
    refused(value, "21: a decimal number is expected");
  }
}

TEST(Config, RefusesATrustDomainTwice) {
  const std::string domain = "  - name: dev.keysvc.example\n    authority: pki/ca.pem\n";
  ExpectFault(ExampleWith(domain, domain + domain), "the trust domain occurs twice");
}

TEST(Config, TakesTheUsualAddresses) {
  for (const std::string address : {"[::1]:7443", "0.0.0.0:0", "localhost:65535"}) {
    EXPECT_OK(Parse(ExampleWith("listen: 127.0.0.1:7443", "listen: \"" + address + "\"")))
        << address;
  }
}

TEST(Config, FindsASystemdCredential) {
  const std::string text = ExampleWith("pin_file: pin", "pin_credential: hsm-pin");
  unsetenv("CREDENTIALS_DIRECTORY");
  ExpectFault(text, "CREDENTIALS_DIRECTORY");
  setenv("CREDENTIALS_DIRECTORY", "/run/credentials/keysvc.service", 1);
  const absl::StatusOr<Config> config = Parse(text);
  const absl::StatusOr<Config> outside =
      Parse(ExampleWith("pin_file: pin", "pin_credential: ../pin"));
  unsetenv("CREDENTIALS_DIRECTORY");
  ASSERT_OK(config);
  EXPECT_EQ(config->token.pin_file, "/run/credentials/keysvc.service/hsm-pin");
  EXPECT_THAT(outside, HasReason(Reason::kConfigInvalid));
}

TEST(Config, RefusesASoftwareTokenInProduction) {
  ExpectFault(ExampleWith("environment: development", "environment: production"),
              "production does not run on a software token");
}

TEST(Config, RefusesProductionWhoseKeysWouldBeLostWithTheHsm) {
  std::string text = Example();
  absl::StrReplaceAll({{"environment: development", "environment: production"},
                       {"/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/vendor/pkcs11.so"},
                       {"recovery:\n  certificate: recovery/recovery.pem\n", ""}},
                      &text);
  ExpectFault(text, "production needs recovery.certificate");
  const auto development =
      Parse(ExampleWith("recovery:\n  certificate: recovery/recovery.pem\n", ""));
  ASSERT_OK(development);
  EXPECT_EQ(LoadRecoveryCertificate(*development).value(), nullptr);
}

TEST(Config, TakesOnlyItsOwnRecoveryCertificate) {
  Config config;
  config.recovery_certificate_file = KEYSVC_SOURCE_DIR "/tests/golden/recovery_v1/recovery.pem";
  config.deployment.name = "shop";
  config.deployment.environment = "test";
  const auto certificate = LoadRecoveryCertificate(config);
  ASSERT_OK(certificate);
  EXPECT_EQ((*certificate)->deployment(), "shop");
  config.deployment.environment = "development";
  EXPECT_THAT(LoadRecoveryCertificate(config), HasReason(Reason::kConfigInvalid));
  config.deployment = {"shop2", "test", ""};
  EXPECT_THAT(LoadRecoveryCertificate(config), HasReason(Reason::kConfigInvalid));
  config.recovery_certificate_file = KEYSVC_SOURCE_DIR "/README.md";
  EXPECT_THAT(LoadRecoveryCertificate(config), HasReason(Reason::kConfigInvalid));
}

TEST(Config, LetsProductionStartOnlyOnceOfficersCanLogIn) {
  Config config;
  config.deployment.environment = "production";
  EXPECT_THAT(CheckMayServe(config), HasReason(Reason::kOfficerLoginRequired));
  for (const char* environment : {"development", "test"}) {
    config.deployment.environment = environment;
    EXPECT_OK(CheckMayServe(config));
  }
}

TEST(Config, SaysWhichFileCannotBeRead) {
  testing::TemporaryDirectory folder;
  const auto missing = LoadConfig(folder.File("nothing.yaml"));
  EXPECT_THAT(missing, HasReason(Reason::kConfigInvalid));
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("nothing.yaml"));
  EXPECT_THAT(LoadConfig(folder.path()), HasReason(Reason::kConfigInvalid));
  testing::WriteFile(folder.File("large"), std::string(1024 * 1024 + 1, ' '));
  EXPECT_THAT(LoadConfig(folder.File("large")), HasReason(Reason::kConfigInvalid));
}

// The example with one more profile of the tenant, of which these are the last lines.
std::string ExampleWithProfile(const std::string& lines) {
  return ExampleWith("\ntoken_profiles:\n",
                     "\ntoken_profiles:\n"
                     "  - tenant: acme\n"
                     "    name: legacy\n"
                     "    number: 40\n" +
                         lines);
}

std::string Ff1Lines(const std::string& shortest, const std::string& first, const std::string& last,
                     const std::string& offset, const std::string& more = {}) {
  return "    deterministic: true\n    family: ff1\n    ff1:\n      shortest_card: " + shortest +
         "\n      longest_card: 19\n      keep_first: " + first + "\n      keep_last: " + last +
         "\n      luhn_offset: " + offset + "\n" + more;
}

TEST(Config, ReadsAnFf1Profile) {
  const auto config =
      Parse(ExampleWithProfile(Ff1Lines("16", "6", "4", "3", "      prefix: ppt_\n")));
  ASSERT_OK(config);
  const tokenizer::Profile& profile = config->profiles.front();
  EXPECT_EQ(profile.name, "legacy");
  EXPECT_EQ(profile.family, tokenizer::Family::kFf1);
  EXPECT_EQ(profile.ff1.ToString(), "ff1 1 cards=16-19 first=6 last=4 offset=3 prefix=ppt_");
  EXPECT_EQ(config->profiles[1].family, tokenizer::Family::kOpaque);
  const auto opaque = Parse(ExampleWithProfile("    deterministic: false\n    family: opaque\n"));
  ASSERT_OK(opaque);
  EXPECT_EQ(opaque->profiles.front().family, tokenizer::Family::kOpaque);
}

TEST(Config, ReadsANumericProfile) {
  for (const bool deterministic : {false, true}) {
    const std::string lines = absl::StrCat("    deterministic: ", deterministic ? "true" : "false",
                                           "\n    family: numeric\n");
    const auto config = Parse(ExampleWithProfile(lines));
    ASSERT_OK(config);
    EXPECT_EQ(config->profiles.front().family, tokenizer::Family::kNumeric);
    EXPECT_EQ(config->profiles.front().deterministic, deterministic);
    ExpectFault(ExampleWithProfile(lines + "    ff1: {keep_first: 6}\n"),
                "only a profile of the family ff1");
  }
}

TEST(Config, ReadsTheDomainOfAProfile) {
  const auto config = Parse(ExampleWithProfile(
      "    deterministic: false\n    domain:\n      channels: [web, app]\n      merchant: "
      "required\n"
      "      amounts: [{currency: EUR, min: 100, max: 50000}, {currency: JPY, max: 90000}]\n"));
  ASSERT_OK(config);
  const tokenizer::DomainRestriction& domain = config->profiles.front().domain;
  EXPECT_EQ(domain.channels, (std::vector<std::string>{"web", "app"}));
  EXPECT_TRUE(domain.merchant);
  EXPECT_EQ(domain.amounts,
            (std::vector<tokenizer::AmountBand>{{"EUR", 100, 50'000}, {"JPY", 0, 90'000}}));
}

TEST(Config, RefusesDomainsThatSayNothingOrContradictThemselves) {
  const auto refused = [](const std::string& domain, const std::string& why,
                          const std::string& deterministic = "false") {
    ExpectFault(ExampleWithProfile("    deterministic: " + deterministic +
                                   "\n    domain: " + domain + "\n"),
                why);
  };
  refused("{}", "channels, merchant or amounts are expected");
  refused("{channels: []}", "at least one channel");
  refused("{channels: [Web]}", "a channel is [a-z]");
  refused("{channels: [web, web]}", "listed twice");
  refused("{merchant: optional}", "required is expected");
  refused("{merchant: required}", "cannot be one merchant's", "true");
  refused("{amounts: []}", "at least one currency");
  refused("{amounts: [{currency: EUR}]}", "max");
  refused("{amounts: [{currency: euro, max: 5}]}", "three letters A-Z");
  refused("{amounts: [{currency: EUR, min: 6, max: 5}]}", "from min to max");
  refused("{amounts: [{currency: EUR, max: 100000000000}]}", "");
  refused("{amounts: [{currency: EUR, max: 5}, {currency: EUR, max: 6}]}", "listed twice");
  refused("{country: DE}", "country");
}

TEST(Config, ReadsRetiredProfiles) {
  EXPECT_TRUE(Parse(Example())->retired_profiles.empty());
  const auto config = Parse(Example() +
                            "retired_profiles:\n"
                            "  - {tenant: acme, name: old-cards, number: 4711}\n"
                            "  - {tenant: beta, name: cards, number: 1}\n");
  ASSERT_OK(config);
  ASSERT_EQ(config->retired_profiles.size(), 2U);
  EXPECT_EQ(config->retired_profiles[0].ResourceName(), "tenants/acme/tokenProfiles/old-cards");
  EXPECT_EQ(config->retired_profiles[0].number, 4711);
  EXPECT_EQ(config->retired_profiles[1].tenant, "beta");
}

TEST(Config, RefusesRetiredProfilesThatAreDeclaredOrSayMore) {
  const auto refused = [](const std::string& profile, const std::string& why) {
    ExpectFault(Example() + "retired_profiles:\n  - " + profile + "\n", why);
  };
  refused("{tenant: acme, name: cards, number: 4711}", "shares name or number");
  refused("{tenant: acme, name: old-cards, number: 1}", "shares name or number");
  refused("{tenant: acme, name: old-cards}", "number");
  refused("{tenant: acme, name: old-cards, number: 0}", "");
  refused("{tenant: acme, number: 4711}", "name");
  refused("{tenant: acme, name: old-cards, number: 4711, uses: 1}", "uses");
}

TEST(Config, ReadsTheMetadataOfAProfile) {
  using tokenizer::MetadataType;
  const auto config = Parse(ExampleWithProfile(
      "    deterministic: false\n    metadata:\n"
      "      - {name: store, type: word, values: [berlin, vienna], required: true}\n"
      "      - {name: order, type: uuid}\n"
      "      - {name: count, type: integer, min: 1, max: 500, required: false}\n"
      "      - {name: number, type: integer}\n      - {name: day, type: date}\n"));
  ASSERT_OK(config);
  const std::vector<tokenizer::MetadataField>& fields = config->profiles.front().metadata;
  ASSERT_EQ(fields.size(), 5U);
  EXPECT_EQ(fields[0].name, "store");
  EXPECT_EQ(fields[0].type, MetadataType::kWord);
  EXPECT_EQ(fields[0].values, (std::vector<std::string>{"berlin", "vienna"}));
  EXPECT_TRUE(fields[0].required);
  EXPECT_EQ(fields[1].type, MetadataType::kUuid);
  EXPECT_FALSE(fields[1].required);
  EXPECT_EQ(fields[2].type, MetadataType::kInteger);
  EXPECT_EQ(fields[2].min, 1U);
  EXPECT_EQ(fields[2].max, 500U);
  EXPECT_EQ(fields[3].max, 99'999'999'999U);
  EXPECT_EQ(fields[4].type, MetadataType::kDate);
}

TEST(Config, RefusesMetadataThatContradictItself) {
  const auto refused = [](const std::string& metadata, const std::string& why,
                          const std::string& deterministic = "false") {
    ExpectFault(ExampleWithProfile("    deterministic: " + deterministic +
                                   "\n    metadata: " + metadata + "\n"),
                why);
  };
  refused("[]", "at least one field");
  refused("[{type: date}]", "name");
  refused("[{name: day}]", "type");
  refused("[{name: day, type: time}]", "word, uuid, integer or date");
  refused("[{name: Day, type: date}]", "[a-z][a-z0-9-]{0,31}");
  refused("[{name: day, type: date, values: [monday]}]", "only metadata of the type word");
  refused("[{name: day, type: date, max: 5}]", "only metadata of the type integer");
  refused("[{name: day, type: date, required: yes}]", "true");
  refused("[{name: store, type: word}]", "1 to 64 values");
  refused("[{name: store, type: word, values: [Berlin]}]", "a word is [a-z]");
  refused("[{name: store, type: word, values: [a, a]}]", "listed twice");
  refused("[{name: count, type: integer, min: 2, max: 1}]", "from min to max");
  refused("[{name: count, type: integer, max: 100000000000}]", "");
  refused("[{name: day, type: date}, {name: day, type: uuid}]", "there twice");
  refused("[{name: day, type: date, format: iso}]", "format");
  refused("[{name: day, type: date}]", "for everybody", "true");
}

TEST(Config, ReadsWhetherTokensAreMergedWhenCardsAreReissued) {
  for (const bool merges : {false, true}) {
    const auto config = Parse(ExampleWithProfile(absl::StrCat(
        "    deterministic: true\n    on_reissue: ", merges ? "merge" : "refuse", "\n")));
    ASSERT_OK(config);
    EXPECT_EQ(config->profiles.front().merges, merges);
  }
  ExpectFault(ExampleWithProfile("    deterministic: true\n    on_reissue: both\n"),
              "refuse or merge is expected");
  ExpectFault(ExampleWithProfile("    deterministic: false\n    on_reissue: merge\n"),
              "has tokens to merge");
}

std::string EmvLines(const std::string& prefix, const std::string& more = {}) {
  return "    deterministic: false\n    family: emv\n    emv:\n      issued_range: {prefix: \"" +
         prefix + "\", length: 16}\n      attestation: Ours by the letter of the scheme of 2026\n" +
         "      token_requestor_id: \"40010030273\"\n      months_valid: 36\n" + more;
}

TEST(Config, ReadsAnEmvProfile) {
  const auto config = Parse(ExampleWithProfile(EmvLines("99990012", "    uses: 3\n")));
  ASSERT_OK(config);
  const tokenizer::Profile& profile = config->profiles.front();
  EXPECT_EQ(profile.family, tokenizer::Family::kEmv);
  EXPECT_EQ(profile.emv.ToString(),
            "emv 1 range=99990012/16 requestor=40010030273 months=36 attestation=Ours by the "
            "letter of the scheme of 2026");
  EXPECT_EQ(profile.uses, 3U);
}

TEST(Config, RefusesEmvRangesThatAreReservedOrNotAttestedWithTheirPlace) {
  ExpectFault(ExampleWithProfile(EmvLines("400012")),
              ":21: the issued range overlaps one that is reserved: Visa");
  ExpectFault(ExampleWithProfile(EmvLines("9999")), ":21: the prefix of an issued range");
  for (const char* missing :
       {"issued_range", "attestation", "token_requestor_id", "months_valid"}) {
    std::string lines = EmvLines("99990012");
    const std::size_t begin = lines.find(std::string("      ") + missing);
    lines.erase(begin, lines.find('\n', begin) + 1 - begin);
    ExpectFault(ExampleWithProfile(lines), missing);
  }
  std::string unfounded = EmvLines("99990012");
  unfounded.replace(unfounded.find("Ours by"), std::string("Ours by the letter of the").size(),
                    "x");
  ExpectFault(ExampleWithProfile(unfounded), "an attestation is 20 to 200");
  ExpectFault(ExampleWithProfile(EmvLines("99990012", "    time_to_live_minutes: 5\n")),
              "no time to live beside it");
  ExpectFault(ExampleWithProfile("    deterministic: true\n    family: emv\n"),
              "needs its format, emv");
  std::string deterministic = EmvLines("99990012");
  deterministic.replace(deterministic.find("false"), 5, "true");
  ExpectFault(ExampleWithProfile(deterministic), "one token per card for ever");
  ExpectFault(ExampleWithProfile("    deterministic: false\n    emv: {months_valid: 3}\n"),
              "only a profile of the family emv");
}

TEST(Config, RefusesFf1ProfilesThatContradictThemselves) {
  const std::string deterministic = "    deterministic: true\n";
  ExpectFault(ExampleWithProfile(Ff1Lines("15", "6", "4", "3", "      prefix: ppt_\n")),
              "of a card of 15 digits 5 would be permuted");
  ExpectFault(ExampleWithProfile(Ff1Lines("16", "6", "4", "3")), "need a prefix");
  ExpectFault(ExampleWithProfile(Ff1Lines("16", "6", "0", "0")), "Luhn offset");
  ExpectFault(ExampleWithProfile(Ff1Lines("16", "7", "0", "3")), "0, 6 or 8");
  ExpectFault(ExampleWithProfile(Ff1Lines("16", "6", "0", "3", "      ttl: 4\n")), "ttl");
  ExpectFault(ExampleWithProfile(deterministic + "    family: ff1\n"), "needs its format");
  ExpectFault(ExampleWithProfile(deterministic + "    family: ff1\n    ff1: {keep_first: 6}\n"),
              "shortest_card");
  ExpectFault(ExampleWithProfile(deterministic + "    family: ff3\n"),
              "opaque, numeric, emv, ff1 or external");
  ExpectFault(ExampleWithProfile(deterministic + "    ff1: {keep_first: 6}\n"),
              "only a profile of the family ff1");
  std::string random = ExampleWithProfile(Ff1Lines("16", "6", "0", "3"));
  random.replace(random.find(deterministic), deterministic.size(), "    deterministic: false\n");
  ExpectFault(random, "always deterministic");
}

TEST(Config, ReadsWhenAndAfterHowManyUsesTokensEnd) {
  const std::string lines = "    deterministic: false\n";
  const auto limited =
      Parse(ExampleWithProfile(lines + "    time_to_live_minutes: 30\n    uses: 1\n"));
  ASSERT_OK(limited);
  EXPECT_EQ(limited->profiles.front().time_to_live, absl::Minutes(30));
  EXPECT_EQ(limited->profiles.front().uses, 1u);
  const auto endless = Parse(ExampleWithProfile(lines));
  ASSERT_OK(endless);
  EXPECT_EQ(endless->profiles.front().time_to_live, absl::ZeroDuration());
  EXPECT_EQ(endless->profiles.front().uses, 0u);
  EXPECT_EQ(endless->profiles.front().keep_answers, absl::Hours(24));
  const auto kept = Parse(ExampleWithProfile(lines + "    request_id_hours: 744\n"));
  ASSERT_OK(kept);
  EXPECT_EQ(kept->profiles.front().keep_answers, absl::Hours(744));
  ExpectFault(ExampleWithProfile(lines + "    request_id_hours: 745\n"), "");
  ExpectFault(ExampleWithProfile(lines + "    request_id_hours: 0\n"), "");
  ExpectFault(ExampleWithProfile(lines + "    uses: 0\n"), "");
  ExpectFault(ExampleWithProfile(lines + "    time_to_live_minutes: -1\n"), "");
  ExpectFault(ExampleWithProfile("    deterministic: true\n    uses: 1\n"),
              "neither a time to live nor a number of uses");
}

TEST(Config, ReadsTheIssuerOfAccountReferences) {
  const std::string lines = "    deterministic: false\n";
  const auto none = Parse(ExampleWithProfile(lines));
  ASSERT_OK(none);
  EXPECT_EQ(none->profiles.front().account_reference_issuer, "");
  const auto asked = Parse(ExampleWithProfile(lines + "    account_reference_issuer: ACME\n"));
  ASSERT_OK(asked);
  EXPECT_EQ(asked->profiles.front().account_reference_issuer, "ACME");
  ExpectFault(ExampleWithProfile(lines + "    account_reference_issuer: acme\n"), "4 letters");
  ExpectFault(ExampleWithProfile(lines + "    account_reference_issuer: \"\"\n"), "");
  ExpectFault(ExampleWithProfile(lines + "    account_reference_issuer: OTHE\n"), "one issuer");
}

TEST(Config, AFaultOfAnFf1ProfileSaysItsPlace) {
  const std::string text = ExampleWithProfile(Ff1Lines("13", "8", "0", "3"));
  const std::string before = text.substr(0, text.find("shortest_card"));
  const auto line = 1 + std::count(before.begin(), before.end(), '\n');
  ExpectFault(text, absl::StrCat("config.yaml:", line, ":7: of a card of 13 digits"));
}

}  // namespace
}  // namespace keysvc
