#ifndef KEYSVC_AUDIT_ENTRY_H_
#define KEYSVC_AUDIT_ENTRY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keysvc::audit {

// kIntent comes before an effect that cannot be taken back (a key made in the HSM); its outcome is
// a later entry that names the intent's index in `details["intent"]`.
enum class Outcome { kSuccess, kDenied, kFailed, kIntent };
std::string_view NameOf(Outcome outcome);

// What became of one item of a batch, or of the one thing a call is about.
struct Item {
  std::string resource;  // tenants/../tokens/.., tenants/../keys/../versions/..; empty when unknown
  Outcome outcome = Outcome::kSuccess;
  std::string reason;  // of a failure: the word of status/reason.h
  // Of a token whose state the call was to change, "active" ...: what it was and what it is then.
  std::string state_before = {};
  std::string state_after = {};
  std::string rule = {};    // that decided it, where several decided items of the call
  std::string source = {};  // of a token that was made from another one: that one's name
  // Of a token with a domain, as TokenDomain and TokenUse of the tokenizer write it: what it was
  // made for, and what it was to be used for.
  std::string domain = {};
  std::string use = {};
  std::string reveal = {};  // how much of its card was shown, where that is not the same of all
  // What the caller said of how risky it is, where it did.
  std::optional<std::uint32_t> asserted_risk_score = {};
};

// What happened, with the six facts of PCI DSS 10.2.2: who, what kind of event, when (the journal
// adds time and position), success or failure, from where, and on what. Never holds a card number,
// a secret or free text of a caller.
struct Entry {
  // Header: what a filtered export can be proven complete on.
  std::string action;  // "TokenService.Tokenize", "Log.Start", "Log.Head"
  Outcome outcome = Outcome::kSuccess;
  std::string actor;    // the principal's name of the policy; "system"; "unknown"
  std::string profile;  // the token profile concerned, or empty
  // Body.
  std::string identity;  // the certificate's URI, when there is one
  std::string origin;    // the peer's address
  std::string resource;  // the resource the call names
  std::string rule;      // the policy rule that allowed it
  std::string purpose;
  std::string reason;  // of a denial or failure
  std::string request_id;
  std::string trace_id;
  std::vector<Item> items;
  std::map<std::string, std::string> details;  // typed facts such as key_version
};

}  // namespace keysvc::audit

#endif  // KEYSVC_AUDIT_ENTRY_H_
