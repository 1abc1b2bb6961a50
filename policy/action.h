#ifndef KEYSVC_POLICY_ACTION_H_
#define KEYSVC_POLICY_ACTION_H_

#include <optional>
#include <span>
#include <string_view>

namespace keysvc::policy {

// Everything the policy can allow. Actions are orthogonal: none implies another. One per RPC that
// does something; a batch form is the same action. kSignDigest is asked for besides kSign.
enum class Action {
  kTokenize,
  kDetokenize,
  kGetToken,
  kLookUpToken,
  kConvertToken,
  kUpdateTokenCard,
  kImportTokens,
  kFingerprintCard,
  kSuspendToken,
  kResumeToken,
  kDeleteToken,
  kListTokens,
  kGetRetentionReport,
  kSign,
  kSignDigest,
  kSignJws,
  kSignHttpMessage,
  kSignWebhook,
  kSignCose,
  kVerify,
  kGetPublicKey,
  kCreateKey,
  kRotateKey,
  kDeliverKey,
  kImportKey,
  kCreateCertificateSigningRequest,
  kAttachCertificate,
  kListKeys,
  kGetKey,
  kLockKeys,
  kCreatePartnerKey,
  kDisablePartnerKey,
  kListPartnerKeys,
  kGetPartnerKey,
  kExportAudit,
  kGetCheckpoint,
};

// "Tokenize" ..., as written in the policy file.
std::string_view NameOf(Action action);
std::optional<Action> ActionNamed(std::string_view name);
std::span<const Action> AllActions();
// Whether calls of this action name tokens, and so may be guesses at them.
bool NamesTokens(Action action);

// What a detokenization may show. The server decides; kMasked is BIN and last four (PCI DSS 3.4.1).
enum class Reveal { kLastFour, kMasked, kFull };
std::string_view NameOf(Reveal reveal);
std::optional<Reveal> RevealNamed(std::string_view name);

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_ACTION_H_
