#include "keysvc/config.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "policy/name.h"
#include "policy/strict_yaml.h"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc {
namespace {

using policy::YamlNode;

constexpr std::int64_t kFileLimit = std::int64_t{1024} * 1024;
constexpr std::int64_t kLongestLifeMinutes = std::int64_t{100} * 366 * 24 * 60;
constexpr std::int64_t kMostUses = 1'000'000;
constexpr std::int64_t kMostAcceptedSignatures = 10'000'000;
constexpr std::int64_t kLongestKeptHours = std::int64_t{31} * 24;
constexpr std::string_view kEnvironments[] = {"development", "test", "production"};

struct FamilyName {
  std::string_view name;
  tokenizer::Family family;
};
constexpr FamilyName kFamilies[] = {{"opaque", tokenizer::Family::kOpaque},
                                    {"numeric", tokenizer::Family::kNumeric},
                                    {"emv", tokenizer::Family::kEmv},
                                    {"ff1", tokenizer::Family::kFf1},
                                    {"external", tokenizer::Family::kExternal}};

struct MetadataTypeName {
  std::string_view name;
  tokenizer::MetadataType type;
};
constexpr MetadataTypeName kMetadataTypes[] = {{"word", tokenizer::MetadataType::kWord},
                                               {"uuid", tokenizer::MetadataType::kUuid},
                                               {"integer", tokenizer::MetadataType::kInteger},
                                               {"date", tokenizer::MetadataType::kDate}};

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

// "host:port", the host an address or a name, IPv6 in brackets. Port 0 chooses a free one.
bool IsAddress(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0) return false;
  const std::string_view host = text.substr(0, colon);
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (host.find(':') != std::string_view::npos && !bracketed) return false;
  const std::string_view port = text.substr(colon + 1);
  const bool digits =
      !port.empty() && port.size() <= 5 &&
      std::all_of(port.begin(), port.end(), [](char c) { return c >= '0' && c <= '9'; });
  return digits && std::stoi(std::string(port)) <= 65535;
}

// A log's name goes into checkpoints, where spaces and "+" have a meaning (C2SP signed-note).
bool IsOrigin(std::string_view text) {
  return text.size() <= 255 && std::all_of(text.begin(), text.end(),
                                           [](char c) { return c > ' ' && c <= '~' && c != '+'; });
}

bool IsTrustDomain(std::string_view text) {
  return text.size() <= 255 && std::all_of(text.begin(), text.end(), [](char c) {
           return IsLowerOrDigit(c) || c == '.' || c == '-' || c == '_';
         });
}

// Reads one configuration; keeps the folder that relative paths start at.
class Reader {
 public:
  explicit Reader(std::filesystem::path folder) : folder_(std::move(folder)) {}

  absl::StatusOr<Config> Read(const YamlNode& root) {
    RETURN_IF_ERROR(RequireKeys(
        root, {"deployment", "listen", "tls", "trust_domains", "token", "store", "audit", "policy",
               "recovery", "token_profiles", "retired_profiles", "locked_memory_mib",
               "opened_key_minutes", "accepted_signatures_per_key"}));
    RETURN_IF_ERROR(ReadDeployment(root));
    ASSIGN_OR_RETURN(config_.listen, Text(root, "listen", IsAddress, "host:port is expected"));
    RETURN_IF_ERROR(ReadTls(root));
    RETURN_IF_ERROR(ReadTrustDomains(root));
    RETURN_IF_ERROR(ReadStore(root));
    RETURN_IF_ERROR(ReadToken(root));
    RETURN_IF_ERROR(ReadAudit(root));
    ASSIGN_OR_RETURN(config_.policy_file, Path(root, "policy"));
    RETURN_IF_ERROR(ReadRecovery(root));
    RETURN_IF_ERROR(ReadProfiles(root));
    RETURN_IF_ERROR(ReadRetiredProfiles(root));
    ASSIGN_OR_RETURN(config_.locked_memory_mib, Number(root, "locked_memory_mib", 1, 64, 2));
    ASSIGN_OR_RETURN(const std::size_t minutes, Number(root, "opened_key_minutes", 1, 15, 15));
    config_.opened_key_lifetime = absl::Minutes(minutes);
    ASSIGN_OR_RETURN(config_.accepted_signatures_per_key,
                     Number(root, "accepted_signatures_per_key", 1, kMostAcceptedSignatures,
                            keys::NoncePlaces::kPerKey));
    return std::move(config_);
  }

 private:
  // Says it plainly when somebody writes the PIN itself, instead of "unknown key".
  static absl::Status RequireKeys(const YamlNode& node,
                                  std::initializer_list<std::string_view> known) {
    if (const std::optional<YamlNode> pin = node.Find("pin")) {
      return pin->Fault(
          "a PIN never stands in the configuration: name its file with pin_file or "
          "its credential with pin_credential");
    }
    return node.RequireKeys(known);
  }

  static absl::StatusOr<std::string> Text(const YamlNode& node, std::string_view key,
                                          bool (*valid)(std::string_view),
                                          std::string_view expected) {
    ASSIGN_OR_RETURN(const YamlNode value, node.Get(key));
    ASSIGN_OR_RETURN(std::string text, value.AsString());
    if (!valid(text)) return value.Fault(expected);
    return text;
  }

  static absl::StatusOr<std::string> Id(const YamlNode& node, std::string_view key) {
    return Text(node, key, policy::IsName,
                "a name of [a-z][a-z0-9-]{0,62} with at most 11 digits is expected");
  }

  // An optional number.
  static absl::StatusOr<std::size_t> Number(const YamlNode& node, std::string_view key,
                                            std::int64_t low, std::int64_t high,
                                            std::size_t otherwise) {
    const std::optional<YamlNode> value = node.Find(key);
    if (!value.has_value()) return otherwise;
    ASSIGN_OR_RETURN(const std::int64_t number, value->AsInteger(low, high));
    return static_cast<std::size_t>(number);
  }

  absl::StatusOr<std::string> Path(const YamlNode& node, std::string_view key) const {
    ASSIGN_OR_RETURN(const YamlNode value, node.Get(key));
    ASSIGN_OR_RETURN(const std::string text, value.AsString());
    return (folder_ / text).lexically_normal().string();
  }

  // The store's path with another extension.
  std::string BesideStore(std::string_view extension) const {
    return std::filesystem::path(config_.store.path).replace_extension(extension).string();
  }

  absl::Status ReadDeployment(const YamlNode& root) {
    ASSIGN_OR_RETURN(const YamlNode node, root.Get("deployment"));
    RETURN_IF_ERROR(RequireKeys(node, {"name", "environment"}));
    ASSIGN_OR_RETURN(config_.deployment.name, Id(node, "name"));
    const auto known = [](std::string_view text) {
      return std::find(std::begin(kEnvironments), std::end(kEnvironments), text) !=
             std::end(kEnvironments);
    };
    ASSIGN_OR_RETURN(
        config_.deployment.environment,
        Text(node, "environment", known, "development, test or production is expected"));
    return absl::OkStatus();
  }

  absl::Status ReadTls(const YamlNode& root) {
    ASSIGN_OR_RETURN(const YamlNode node, root.Get("tls"));
    RETURN_IF_ERROR(RequireKeys(node, {"certificate", "private_key"}));
    ASSIGN_OR_RETURN(config_.certificate_file, Path(node, "certificate"));
    ASSIGN_OR_RETURN(config_.private_key_file, Path(node, "private_key"));
    return absl::OkStatus();
  }

  absl::Status ReadTrustDomains(const YamlNode& root) {
    ASSIGN_OR_RETURN(const YamlNode node, root.Get("trust_domains"));
    ASSIGN_OR_RETURN(const std::vector<YamlNode> items, node.Items());
    if (items.empty()) return node.Fault("at least one trust domain is expected");
    std::set<std::string> names;
    for (const YamlNode& item : items) {
      RETURN_IF_ERROR(RequireKeys(item, {"name", "authority"}));
      TrustDomain domain;
      ASSIGN_OR_RETURN(domain.name,
                       Text(item, "name", IsTrustDomain, "a SPIFFE trust domain is expected"));
      ASSIGN_OR_RETURN(domain.ca_file, Path(item, "authority"));
      if (!names.insert(domain.name).second) return item.Fault("the trust domain occurs twice");
      config_.trust_domains.push_back(std::move(domain));
    }
    return absl::OkStatus();
  }

  absl::Status ReadStore(const YamlNode& root) {
    ASSIGN_OR_RETURN(const YamlNode node, root.Get("store"));
    RETURN_IF_ERROR(RequireKeys(node, {"path", "readers", "cache_mib"}));
    ASSIGN_OR_RETURN(config_.store.path, Path(node, "path"));
    ASSIGN_OR_RETURN(config_.store.readers, Number(node, "readers", 1, 16, 2));
    ASSIGN_OR_RETURN(config_.store.cache_mib, Number(node, "cache_mib", 1, 4096, 64));
    config_.store.deployment = config_.deployment.name;
    config_.store.environment = config_.deployment.environment;
    config_.deployment.sidecar_path = BesideStore(".sidecar");
    return absl::OkStatus();
  }

  absl::Status ReadToken(const YamlNode& root) {
    ASSIGN_OR_RETURN(const YamlNode node, root.Get("token"));
    RETURN_IF_ERROR(RequireKeys(node, {"module", "module_arguments", "restrict_mechanisms", "label",
                                       "pin_file", "pin_credential", "sessions"}));
    pkcs11::TokenOptions& token = config_.token;
    ASSIGN_OR_RETURN(token.module_path, Path(node, "module"));
    if (const std::optional<YamlNode> arguments = node.Find("module_arguments")) {
      ASSIGN_OR_RETURN(token.module_arguments, arguments->AsString());
    }
    if (const std::optional<YamlNode> restricts = node.Find("restrict_mechanisms")) {
      ASSIGN_OR_RETURN(token.restrict_mechanisms, restricts->AsBool());
      if (!token.restrict_mechanisms && config_.deployment.environment == "production") {
        return restricts->Fault("production restricts keys to their mechanisms");
      }
    }
    const bool software = token.module_path.find("softhsm") != std::string::npos ||
                          token.module_path.find("softokn") != std::string::npos;
    if (software && config_.deployment.environment == "production") {
      return node.Fault("production does not run on a software token");
    }
    ASSIGN_OR_RETURN(const YamlNode label, node.Get("label"));
    ASSIGN_OR_RETURN(token.token_label, label.AsString());
    ASSIGN_OR_RETURN(token.pin_file, PinFile(node));
    token.pin_marker_file = BesideStore(".pin-refused");
    ASSIGN_OR_RETURN(token.sessions, Number(node, "sessions", 1, 64, 8));
    token.spare_sessions = token.sessions;
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> PinFile(const YamlNode& node) const {
    const std::optional<YamlNode> credential = node.Find("pin_credential");
    if (credential.has_value() == node.Find("pin_file").has_value()) {
      return node.Fault("either pin_file or pin_credential is expected");
    }
    if (!credential.has_value()) return Path(node, "pin_file");
    ASSIGN_OR_RETURN(const std::string name, credential->AsString());
    if (name.find('/') != std::string::npos) return credential->Fault("a name is expected");
    const char* directory = std::getenv("CREDENTIALS_DIRECTORY");
    if (directory == nullptr) {
      return credential->Fault(
          "there are no systemd credentials: CREDENTIALS_DIRECTORY is not set");
    }
    return absl::StrCat(directory, "/", name);
  }

  absl::Status ReadAudit(const YamlNode& root) {
    ASSIGN_OR_RETURN(const YamlNode node, root.Get("audit"));
    RETURN_IF_ERROR(
        RequireKeys(node, {"origin", "checkpoint_directory", "checkpoint_interval_seconds"}));
    ASSIGN_OR_RETURN(config_.audit_origin,
                     Text(node, "origin", IsOrigin,
                          "a name without spaces and \"+\" is expected, such as example.org/log"));
    ASSIGN_OR_RETURN(config_.checkpoint_directory, Path(node, "checkpoint_directory"));
    // The unwitnessed tail of the log is never longer than ten seconds.
    ASSIGN_OR_RETURN(const std::size_t seconds,
                     Number(node, "checkpoint_interval_seconds", 1, 10, 10));
    config_.checkpoint_interval = absl::Seconds(seconds);
    return absl::OkStatus();
  }

  absl::Status ReadRecovery(const YamlNode& root) {
    const std::optional<YamlNode> node = root.Find("recovery");
    if (!node.has_value()) {
      if (config_.deployment.environment != "production") return absl::OkStatus();
      return root.Fault(
          "production needs recovery.certificate: without it the loss of the HSM is "
          "the loss of all data");
    }
    RETURN_IF_ERROR(RequireKeys(*node, {"certificate"}));
    ASSIGN_OR_RETURN(config_.recovery_certificate_file, Path(*node, "certificate"));
    return absl::OkStatus();
  }

  absl::Status ReadProfiles(const YamlNode& root) {
    ASSIGN_OR_RETURN(const YamlNode node, root.Get("token_profiles"));
    ASSIGN_OR_RETURN(const std::vector<YamlNode> items, node.Items());
    for (const YamlNode& item : items) {
      RETURN_IF_ERROR(
          RequireKeys(item, {"tenant", "name", "number", "deterministic", "family", "ff1", "emv",
                             "time_to_live_minutes", "uses", "grace_minutes", "request_id_hours",
                             "account_reference_issuer", "domain", "on_reissue", "metadata"}));
      ASSIGN_OR_RETURN(tokenizer::Profile profile, ReadNames(item));
      ASSIGN_OR_RETURN(const YamlNode deterministic, item.Get("deterministic"));
      ASSIGN_OR_RETURN(profile.deterministic, deterministic.AsBool());
      ASSIGN_OR_RETURN(const std::size_t minutes,
                       Number(item, "time_to_live_minutes", 1, kLongestLifeMinutes, 0));
      profile.time_to_live = absl::Minutes(minutes);
      ASSIGN_OR_RETURN(const std::size_t uses, Number(item, "uses", 1, kMostUses, 0));
      profile.uses = static_cast<std::uint32_t>(uses);
      ASSIGN_OR_RETURN(const std::size_t grace,
                       Number(item, "grace_minutes", 0, kLongestLifeMinutes, 0));
      profile.grace = absl::Minutes(grace);
      ASSIGN_OR_RETURN(
          const std::size_t hours,
          Number(item, "request_id_hours", 1, kLongestKeptHours,
                 static_cast<std::size_t>(absl::ToInt64Hours(tokenizer::kKeepAnswers))));
      profile.keep_answers = absl::Hours(hours);
      if (const std::optional<YamlNode> issuer = item.Find("account_reference_issuer")) {
        ASSIGN_OR_RETURN(profile.account_reference_issuer, issuer->AsString());
      }
      if (const std::optional<YamlNode> domain = item.Find("domain")) {
        ASSIGN_OR_RETURN(profile.domain, ReadDomain(*domain));
      }
      if (const std::optional<YamlNode> metadata = item.Find("metadata")) {
        ASSIGN_OR_RETURN(profile.metadata, ReadMetadata(*metadata));
      }
      ASSIGN_OR_RETURN(profile.merges, ReadMerges(item));
      RETURN_IF_ERROR(ReadFamily(item, profile));
      config_.profiles.push_back(std::move(profile));
      RETURN_IF_ERROR(FaultUnless(tokenizer::Profiles::Create(config_.profiles).status(), item));
    }
    return absl::OkStatus();
  }

  absl::Status ReadRetiredProfiles(const YamlNode& root) {
    const std::optional<YamlNode> node = root.Find("retired_profiles");
    if (!node.has_value()) return absl::OkStatus();
    ASSIGN_OR_RETURN(const std::vector<YamlNode> items, node->Items());
    for (const YamlNode& item : items) {
      RETURN_IF_ERROR(RequireKeys(item, {"tenant", "name", "number"}));
      ASSIGN_OR_RETURN(tokenizer::Profile profile, ReadNames(item));
      config_.retired_profiles.push_back(std::move(profile));
      RETURN_IF_ERROR(FaultUnless(
          tokenizer::Profiles::Create(config_.profiles, config_.retired_profiles).status(), item));
    }
    return absl::OkStatus();
  }

  // A profile of this tenant, name and number.
  static absl::StatusOr<tokenizer::Profile> ReadNames(const YamlNode& item) {
    tokenizer::Profile profile;
    ASSIGN_OR_RETURN(profile.tenant, Id(item, "tenant"));
    ASSIGN_OR_RETURN(profile.name, Id(item, "name"));
    ASSIGN_OR_RETURN(const YamlNode number, item.Get("number"));
    ASSIGN_OR_RETURN(const std::int64_t value, number.AsInteger(1, 65535));
    profile.number = static_cast<std::uint16_t>(value);
    return profile;
  }

  static absl::StatusOr<tokenizer::DomainRestriction> ReadDomain(const YamlNode& node) {
    RETURN_IF_ERROR(RequireKeys(node, {"channels", "merchant", "amounts"}));
    tokenizer::DomainRestriction domain;
    if (const std::optional<YamlNode> channels = node.Find("channels")) {
      ASSIGN_OR_RETURN(domain.channels, channels->AsStrings());
      if (domain.channels.empty()) return channels->Fault("at least one channel is expected");
    }
    if (const std::optional<YamlNode> merchant = node.Find("merchant")) {
      ASSIGN_OR_RETURN(const std::string word, merchant->AsString());
      if (word != "required") return merchant->Fault("required is expected, or nothing at all");
      domain.merchant = true;
    }
    if (const std::optional<YamlNode> amounts = node.Find("amounts")) {
      ASSIGN_OR_RETURN(const std::vector<YamlNode> items, amounts->Items());
      if (items.empty()) return amounts->Fault("the amounts of at least one currency are expected");
      for (const YamlNode& item : items) {
        ASSIGN_OR_RETURN(domain.amounts.emplace_back(), ReadAmounts(item));
      }
    }
    if (domain.empty()) return node.Fault("channels, merchant or amounts are expected");
    RETURN_IF_ERROR(FaultUnless(domain.Check(), node));
    return domain;
  }

  static absl::StatusOr<tokenizer::AmountBand> ReadAmounts(const YamlNode& node) {
    RETURN_IF_ERROR(RequireKeys(node, {"currency", "min", "max"}));
    tokenizer::AmountBand band;
    ASSIGN_OR_RETURN(const YamlNode currency, node.Get("currency"));
    ASSIGN_OR_RETURN(band.currency, currency.AsString());
    ASSIGN_OR_RETURN(band.min, Number(node, "min", 0, tokenizer::kLargestAmount, 0));
    ASSIGN_OR_RETURN(const YamlNode max, node.Get("max"));
    ASSIGN_OR_RETURN(const std::int64_t most, max.AsInteger(0, tokenizer::kLargestAmount));
    band.max = static_cast<std::uint64_t>(most);
    return band;
  }

  static absl::StatusOr<std::vector<tokenizer::MetadataField>> ReadMetadata(const YamlNode& node) {
    ASSIGN_OR_RETURN(const std::vector<YamlNode> items, node.Items());
    if (items.empty()) return node.Fault("at least one field is expected");
    std::vector<tokenizer::MetadataField> fields;
    for (const YamlNode& item : items) {
      ASSIGN_OR_RETURN(tokenizer::MetadataField field, ReadMetadataField(item));
      fields.push_back(std::move(field));
      RETURN_IF_ERROR(FaultUnless(tokenizer::CheckFields(fields), item));
    }
    return fields;
  }

  static absl::StatusOr<tokenizer::MetadataField> ReadMetadataField(const YamlNode& node) {
    RETURN_IF_ERROR(RequireKeys(node, {"name", "type", "values", "min", "max", "required"}));
    tokenizer::MetadataField field;
    ASSIGN_OR_RETURN(const YamlNode name, node.Get("name"));
    ASSIGN_OR_RETURN(field.name, name.AsString());
    ASSIGN_OR_RETURN(const YamlNode type, node.Get("type"));
    ASSIGN_OR_RETURN(const std::string word, type.AsString());
    const auto* const known = std::find_if(std::begin(kMetadataTypes), std::end(kMetadataTypes),
                                           [&](const auto& one) { return one.name == word; });
    if (known == std::end(kMetadataTypes)) {
      return type.Fault("word, uuid, integer or date is expected");
    }
    field.type = known->type;
    if (const std::optional<YamlNode> values = node.Find("values")) {
      ASSIGN_OR_RETURN(field.values, values->AsStrings());
    }
    ASSIGN_OR_RETURN(field.min, Number(node, "min", 0, tokenizer::kLargestInteger, 0));
    ASSIGN_OR_RETURN(
        field.max, Number(node, "max", 0, tokenizer::kLargestInteger, tokenizer::kLargestInteger));
    if (const std::optional<YamlNode> required = node.Find("required")) {
      ASSIGN_OR_RETURN(field.required, required->AsBool());
    }
    return field;
  }

  static absl::StatusOr<bool> ReadMerges(const YamlNode& item) {
    const std::optional<YamlNode> node = item.Find("on_reissue");
    if (!node.has_value()) return false;
    ASSIGN_OR_RETURN(const std::string word, node->AsString());
    if (word != "refuse" && word != "merge") return node->Fault("refuse or merge is expected");
    return word == "merge";
  }

  static absl::Status ReadFamily(const YamlNode& item, tokenizer::Profile& profile) {
    using tokenizer::Family;
    if (const std::optional<YamlNode> family = item.Find("family")) {
      ASSIGN_OR_RETURN(const std::string name, family->AsString());
      const auto* const known = std::find_if(std::begin(kFamilies), std::end(kFamilies),
                                             [&](const auto& one) { return one.name == name; });
      if (known == std::end(kFamilies)) {
        return family->Fault("opaque, numeric, emv, ff1 or external is expected");
      }
      profile.family = known->family;
    }
    ASSIGN_OR_RETURN(const std::optional<YamlNode> ff1,
                     FormatOf(item, "ff1", profile.family == Family::kFf1));
    if (ff1.has_value()) {
      ASSIGN_OR_RETURN(profile.ff1, ReadFf1Format(*ff1));
    }
    ASSIGN_OR_RETURN(const std::optional<YamlNode> emv,
                     FormatOf(item, "emv", profile.family == Family::kEmv));
    if (emv.has_value()) {
      ASSIGN_OR_RETURN(profile.emv, ReadEmvFormat(*emv));
    }
    return absl::OkStatus();
  }

  // What a family that has a format is declared with, under the family's name.
  static absl::StatusOr<std::optional<YamlNode>> FormatOf(const YamlNode& item, const char* family,
                                                          bool wanted) {
    const std::optional<YamlNode> format = item.Find(family);
    if (format.has_value() && !wanted) {
      return format->Fault(
          absl::StrCat("only a profile of the family ", family, " has such a format"));
    }
    if (!format.has_value() && wanted) {
      return item.Fault(
          absl::StrCat("a profile of the family ", family, " needs its format, ", family));
    }
    return format;
  }

  static absl::Status FaultUnless(const absl::Status& sound, const YamlNode& node) {
    if (sound.ok()) return sound;
    return node.Fault({sound.message().data(), sound.message().size()});
  }

  // All of it has to be said, since none of it can be changed later.
  static absl::StatusOr<tokenizer::EmvFormat> ReadEmvFormat(const YamlNode& node) {
    RETURN_IF_ERROR(
        RequireKeys(node, {"issued_range", "attestation", "token_requestor_id", "months_valid"}));
    tokenizer::EmvFormat format;
    ASSIGN_OR_RETURN(const YamlNode range, node.Get("issued_range"));
    RETURN_IF_ERROR(RequireKeys(range, {"prefix", "length"}));
    ASSIGN_OR_RETURN(const YamlNode prefix, range.Get("prefix"));
    ASSIGN_OR_RETURN(format.range.prefix, prefix.AsString());
    ASSIGN_OR_RETURN(const YamlNode length, range.Get("length"));
    ASSIGN_OR_RETURN(const std::int64_t digits, length.AsInteger(0, 99));
    format.range.length = static_cast<std::size_t>(digits);
    RETURN_IF_ERROR(FaultUnless(format.range.Check(), range));
    ASSIGN_OR_RETURN(const YamlNode attestation, node.Get("attestation"));
    ASSIGN_OR_RETURN(format.attestation, attestation.AsString());
    ASSIGN_OR_RETURN(const YamlNode requestor, node.Get("token_requestor_id"));
    ASSIGN_OR_RETURN(format.token_requestor_id, requestor.AsString());
    ASSIGN_OR_RETURN(const YamlNode months, node.Get("months_valid"));
    ASSIGN_OR_RETURN(const std::int64_t valid, months.AsInteger(0, 999));
    format.months_valid = static_cast<unsigned>(valid);
    RETURN_IF_ERROR(FaultUnless(format.Check(), node));
    return format;
  }

  // All but the prefix has to be said, since none of it can be changed later.
  static absl::StatusOr<tokenizer::Ff1Format> ReadFf1Format(const YamlNode& node) {
    RETURN_IF_ERROR(RequireKeys(node, {"shortest_card", "longest_card", "keep_first", "keep_last",
                                       "luhn_offset", "prefix"}));
    tokenizer::Ff1Format format;
    const auto read = [&node](std::string_view key) -> absl::StatusOr<std::size_t> {
      ASSIGN_OR_RETURN(const YamlNode value, node.Get(key));
      ASSIGN_OR_RETURN(const std::int64_t number, value.AsInteger(0, 99));
      return static_cast<std::size_t>(number);
    };
    ASSIGN_OR_RETURN(format.shortest_card, read("shortest_card"));
    ASSIGN_OR_RETURN(format.longest_card, read("longest_card"));
    ASSIGN_OR_RETURN(format.keep_first, read("keep_first"));
    ASSIGN_OR_RETURN(format.keep_last, read("keep_last"));
    ASSIGN_OR_RETURN(const std::size_t offset, read("luhn_offset"));
    format.luhn_offset = static_cast<unsigned>(offset);
    if (const std::optional<YamlNode> prefix = node.Find("prefix")) {
      ASSIGN_OR_RETURN(format.prefix, prefix->AsString());
    }
    RETURN_IF_ERROR(FaultUnless(format.Check(), node));
    return format;
  }

  const std::filesystem::path folder_;
  Config config_;
};

}  // namespace

absl::StatusOr<std::string> ReadSmallFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::string content(static_cast<std::size_t>(kFileLimit + 1), '\0');
  in.read(content.data(), kFileLimit + 1);
  if (in.bad() || in.gcount() == 0) {
    return Error(Reason::kConfigInvalid, absl::StrCat("cannot read ", path));
  }
  if (in.gcount() > kFileLimit) {
    return Error(Reason::kConfigInvalid, absl::StrCat(path, " is larger than 1 MiB"));
  }
  content.resize(static_cast<std::size_t>(in.gcount()));
  return content;
}

absl::StatusOr<Config> ParseConfig(std::string_view text, const std::string& path) {
  ASSIGN_OR_RETURN(const YamlNode root, YamlNode::Parse(text, path, Reason::kConfigInvalid));
  return Reader(std::filesystem::absolute(path).parent_path()).Read(root);
}

absl::StatusOr<Config> LoadConfig(const std::string& path) {
  ASSIGN_OR_RETURN(const std::string text, ReadSmallFile(path));
  return ParseConfig(text, path);
}

absl::StatusOr<std::unique_ptr<crypto::RecoveryCertificate>> LoadRecoveryCertificate(
    const Config& config) {
  const std::string& file = config.recovery_certificate_file;
  if (file.empty()) return std::unique_ptr<crypto::RecoveryCertificate>();
  ASSIGN_OR_RETURN(const std::string pem, ReadSmallFile(file));
  auto certificate = crypto::RecoveryCertificate::FromPem(pem);
  if (!certificate.ok()) {
    return Error(Reason::kConfigInvalid, file + " holds no recovery certificate");
  }
  if ((*certificate)->deployment() != config.deployment.name ||
      (*certificate)->environment() != config.deployment.environment) {
    return Error(Reason::kConfigInvalid,
                 file + " is the certificate of another deployment or environment");
  }
  return certificate;
}

absl::Status CheckMayServe(const Config& config) {
  if (config.deployment.environment != "production") return absl::OkStatus();
  return Error(Reason::kOfficerLoginRequired,
               "production is not served before officers can log in with two factors");
}

}  // namespace keysvc
