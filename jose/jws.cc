#include "jose/jws.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "crypto/base64.h"
#include "nlohmann/json.hpp"
#include "status/abseil.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::jose {
namespace {

using Json = nlohmann::json;

constexpr std::uint64_t kLargestTime = std::uint64_t{1} << 62;

constexpr char kOpenBankingIat[] = "http://openbanking.org.uk/iat";
constexpr char kOpenBankingIss[] = "http://openbanking.org.uk/iss";
constexpr char kOpenBankingTan[] = "http://openbanking.org.uk/tan";
constexpr auto kUnderstood = std::to_array<std::string_view>(
    {"b64", "iat", kOpenBankingIat, kOpenBankingIss, kOpenBankingTan});

absl::Status Invalid(std::string_view what) {
  return Error(Reason::kFieldInvalid, std::string(what), "jws");
}

// The members of one object; nullopt for other JSON, and where a name is there twice: readers would
// disagree about which one counts.
std::optional<Json> ParseObject(std::string_view text) {
  std::vector<std::set<std::string>> open;
  bool repeated = false;
  const auto watch = [&](int, Json::parse_event_t event, Json& value) {
    if (event == Json::parse_event_t::object_start) open.emplace_back();
    if (event == Json::parse_event_t::object_end) open.pop_back();
    if (event == Json::parse_event_t::key) {
      repeated |= !open.back().insert(value.get<std::string>()).second;
    }
    return true;
  };
  Json object = Json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (repeated || !object.is_object()) return std::nullopt;
  return object;
}

absl::Status ReadText(const Json& object, const char* name, std::string& text) {
  const auto member = object.find(name);
  if (member == object.end()) return absl::OkStatus();
  if (!member->is_string()) return Invalid(absl::StrCat("the header's ", name, " is no text"));
  text = member->get<std::string>();
  return absl::OkStatus();
}

absl::Status ReadTime(const Json& object, const char* name, std::optional<std::int64_t>& time) {
  const auto member = object.find(name);
  if (member == object.end()) return absl::OkStatus();
  const bool fits = member->is_number_integer() &&
                    !(member->is_number_unsigned() && member->get<std::uint64_t>() > kLargestTime);
  if (!fits) return Invalid(absl::StrCat("the header's ", name, " is no number of seconds"));
  time = member->get<std::int64_t>();
  return absl::OkStatus();
}

absl::StatusOr<std::set<std::string>> CriticalOf(const Json& object) {
  std::set<std::string> critical;
  const auto crit = object.find("crit");
  if (crit == object.end()) return critical;
  if (!crit->is_array() || crit->empty()) return Invalid("the header's crit is no list of names");
  for (const Json& name : *crit) {
    if (!name.is_string()) return Invalid("the header's crit is no list of names");
    const auto& text = name.get_ref<const std::string&>();
    if (std::find(kUnderstood.begin(), kUnderstood.end(), text) == kUnderstood.end()) {
      return Invalid("the header's crit names what is not understood here");
    }
    if (!object.contains(text)) return Invalid("the header's crit names what is not there");
    if (!critical.insert(text).second) return Invalid("the header's crit repeats itself");
  }
  return critical;
}

absl::StatusOr<OpenBankingParameters> OpenBankingOf(const Json& object,
                                                    const std::set<std::string>& critical) {
  OpenBankingParameters parameters;
  if (critical.contains(kOpenBankingIat)) {
    RETURN_IF_ERROR(ReadTime(object, kOpenBankingIat, parameters.iat));
  }
  if (critical.contains(kOpenBankingIss)) {
    RETURN_IF_ERROR(ReadText(object, kOpenBankingIss, parameters.iss.emplace()));
  }
  if (critical.contains(kOpenBankingTan)) {
    RETURN_IF_ERROR(ReadText(object, kOpenBankingTan, parameters.tan.emplace()));
  }
  return parameters;
}

}  // namespace

std::string ToJson(const JwsHeader& header) {
  nlohmann::ordered_json object;
  object["alg"] = header.alg;
  if (!header.typ.empty()) object["typ"] = header.typ;
  if (!header.kid.empty()) object["kid"] = header.kid;
  for (const std::string& certificate : header.x5c) {
    object["x5c"].push_back(absl::Base64Escape(certificate));
  }
  if (header.iat.has_value()) object["iat"] = *header.iat;
  std::vector<std::string> critical;
  if (!header.b64) critical.emplace_back("b64");
  const auto put = [&](const char* name, const auto& value) {
    if (!value.has_value()) return;
    object[name] = *value;
    critical.emplace_back(name);
  };
  put(kOpenBankingIat, header.open_banking.iat);
  put(kOpenBankingIss, header.open_banking.iss);
  put(kOpenBankingTan, header.open_banking.tan);
  if (!header.b64) object["b64"] = false;
  if (!critical.empty()) object["crit"] = critical;
  return object.dump();
}

absl::StatusOr<JwsHeader> ParseJwsHeader(std::string_view json) {
  const std::optional<Json> object = ParseObject(json);
  if (!object.has_value()) return Invalid("the header is no JSON object, or has a member twice");
  JwsHeader header;
  RETURN_IF_ERROR(ReadText(*object, "alg", header.alg));
  if (header.alg.empty()) return Invalid("the header has no alg");
  RETURN_IF_ERROR(ReadText(*object, "kid", header.kid));
  RETURN_IF_ERROR(ReadText(*object, "typ", header.typ));
  RETURN_IF_ERROR(ReadTime(*object, "iat", header.iat));
  ASSIGN_OR_RETURN(const std::set<std::string> critical, CriticalOf(*object));
  ASSIGN_OR_RETURN(header.open_banking, OpenBankingOf(*object, critical));
  if (header.iat.has_value() && header.open_banking.iat.value_or(*header.iat) != *header.iat) {
    return Invalid("the header says two times when it was issued");
  }
  if (const auto b64 = object->find("b64"); b64 != object->end()) {
    if (!b64->is_boolean()) return Invalid("the header's b64 is neither true nor false");
    if (!critical.contains("b64")) return Invalid("the header has b64 outside crit");
    header.b64 = b64->get<bool>();
  }
  return header;
}

std::string SigningInput(std::string_view protected_header, bool b64, std::string_view payload) {
  return absl::StrCat(ToAbsl(protected_header), ".",
                      b64 ? crypto::ToBase64Url(payload) : std::string(payload));
}

std::string ToCompact(const Jws& jws) {
  return absl::StrCat(jws.protected_header, ".",
                      jws.payload.has_value() ? crypto::ToBase64Url(*jws.payload) : std::string(),
                      ".", crypto::ToBase64Url(jws.signature));
}

absl::StatusOr<Jws> ParseCompact(std::string_view text) {
  const std::vector<std::string> parts = absl::StrSplit(ToAbsl(text), '.');
  if (parts.size() != 3) return Invalid("not three parts with dots between");
  Jws jws;
  jws.protected_header = parts[0];
  const std::optional<std::string> json = crypto::FromBase64Url(parts[0]);
  std::optional<std::string> signature = crypto::FromBase64Url(parts[2]);
  if (!json.has_value() || !signature.has_value() || signature->empty()) {
    return Invalid("header or signature is not base64url");
  }
  jws.signature = *std::move(signature);
  ASSIGN_OR_RETURN(jws.header, ParseJwsHeader(*json));
  if (parts[1].empty()) return jws;
  if (!jws.header.b64) return Invalid("a payload that is not encoded has to be detached");
  jws.payload = crypto::FromBase64Url(parts[1]);
  if (!jws.payload.has_value()) return Invalid("the payload is not base64url");
  return jws;
}

}  // namespace keysvc::jose
