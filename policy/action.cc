#include "policy/action.h"

#include <array>
#include <cstddef>

namespace keysvc::policy {
namespace {

constexpr auto kActions = std::to_array<Action>({
    Action::kTokenize,
    Action::kDetokenize,
    Action::kGetToken,
    Action::kLookUpToken,
    Action::kConvertToken,
    Action::kUpdateTokenCard,
    Action::kImportTokens,
    Action::kFingerprintCard,
    Action::kSuspendToken,
    Action::kResumeToken,
    Action::kDeleteToken,
    Action::kListTokens,
    Action::kGetRetentionReport,
    Action::kSign,
    Action::kSignDigest,
    Action::kSignJws,
    Action::kSignHttpMessage,
    Action::kSignWebhook,
    Action::kSignCose,
    Action::kVerify,
    Action::kGetPublicKey,
    Action::kCreateKey,
    Action::kRotateKey,
    Action::kDeliverKey,
    Action::kImportKey,
    Action::kCreateCertificateSigningRequest,
    Action::kAttachCertificate,
    Action::kListKeys,
    Action::kGetKey,
    Action::kLockKeys,
    Action::kCreatePartnerKey,
    Action::kDisablePartnerKey,
    Action::kListPartnerKeys,
    Action::kGetPartnerKey,
    Action::kExportAudit,
    Action::kGetCheckpoint,
});

constexpr auto kNames = std::to_array<std::string_view>({
    "Tokenize",
    "Detokenize",
    "GetToken",
    "LookUpToken",
    "ConvertToken",
    "UpdateTokenCard",
    "ImportTokens",
    "FingerprintCard",
    "SuspendToken",
    "ResumeToken",
    "DeleteToken",
    "ListTokens",
    "GetRetentionReport",
    "Sign",
    "SignDigest",
    "SignJws",
    "SignHttpMessage",
    "SignWebhook",
    "SignCose",
    "Verify",
    "GetPublicKey",
    "CreateKey",
    "RotateKey",
    "DeliverKey",
    "ImportKey",
    "CreateCertificateSigningRequest",
    "AttachCertificate",
    "ListKeys",
    "GetKey",
    "LockKeys",
    "CreatePartnerKey",
    "DisablePartnerKey",
    "ListPartnerKeys",
    "GetPartnerKey",
    "ExportAudit",
    "GetCheckpoint",
});

static_assert(kActions.size() == kNames.size());
static_assert(static_cast<std::size_t>(kActions.back()) + 1 == kActions.size());

}  // namespace

std::string_view NameOf(Action action) { return kNames.at(static_cast<std::size_t>(action)); }

std::optional<Action> ActionNamed(std::string_view name) {
  for (const Action action : kActions) {
    if (NameOf(action) == name) return action;
  }
  return std::nullopt;
}

std::span<const Action> AllActions() { return kActions; }

bool NamesTokens(Action action) {
  switch (action) {
    case Action::kDetokenize:
    case Action::kGetToken:
    case Action::kConvertToken:
    case Action::kUpdateTokenCard:
    case Action::kSuspendToken:
    case Action::kResumeToken:
    case Action::kDeleteToken:
      return true;
    default:
      return false;
  }
}

std::string_view NameOf(Reveal reveal) {
  switch (reveal) {
    case Reveal::kLastFour:
      return "last4";
    case Reveal::kMasked:
      return "masked";
    case Reveal::kFull:
      return "full";
  }
  return "";
}

std::optional<Reveal> RevealNamed(std::string_view name) {
  for (const Reveal reveal : {Reveal::kLastFour, Reveal::kMasked, Reveal::kFull}) {
    if (NameOf(reveal) == name) return reveal;
  }
  return std::nullopt;
}

}  // namespace keysvc::policy
