#include "pkcs11/token.h"

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "crypto/secret_access.h"
#include "pkcs11/mechanisms.h"
#include "pkcs11/return_code.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::pkcs11 {
namespace {

// PKCS#11 pads its strings with blanks.
template <std::size_t N>
std::string Unpadded(const unsigned char (&field)[N]) {
  std::string text(reinterpret_cast<const char*>(field), N);
  text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

struct FoundToken {
  CK_SLOT_ID slot;
  CK_TOKEN_INFO info;
};

absl::StatusOr<std::vector<CK_SLOT_ID>> SlotsWithTokens(const CK_FUNCTION_LIST& functions) {
  CK_ULONG count = 0;
  RETURN_IF_ERROR(ToStatus(functions.C_GetSlotList(CK_TRUE, nullptr, &count), "C_GetSlotList"));
  std::vector<CK_SLOT_ID> slots(count);
  RETURN_IF_ERROR(
      ToStatus(functions.C_GetSlotList(CK_TRUE, slots.data(), &count), "C_GetSlotList"));
  slots.resize(count);
  return slots;
}

bool Matches(const CK_TOKEN_INFO& info, const TokenIdentity& wanted) {
  return Unpadded(info.label) == wanted.label &&
         (wanted.serial.empty() || Unpadded(info.serialNumber) == wanted.serial);
}

absl::StatusOr<FoundToken> FindToken(const CK_FUNCTION_LIST& functions,
                                     const TokenIdentity& wanted) {
  ASSIGN_OR_RETURN(const std::vector<CK_SLOT_ID> slots, SlotsWithTokens(functions));
  std::optional<FoundToken> found;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info = {};
    if (functions.C_GetTokenInfo(slot, &info) != CKR_OK) continue;
    if ((info.flags & CKF_TOKEN_INITIALIZED) == 0 || !Matches(info, wanted)) continue;
    if (found) return Error(Reason::kTokenMissing, "two tokens have the same label");
    found = FoundToken{slot, info};
  }
  if (!found) return Error(Reason::kTokenMissing, "no slot holds a token with this label");
  return *found;
}

absl::Status CheckPinFlags(CK_FLAGS flags) {
  if ((flags & CKF_USER_PIN_LOCKED) != 0) {
    return Error(Reason::kPinRefused, "the user PIN of the token is locked");
  }
  if ((flags & CKF_USER_PIN_FINAL_TRY) != 0) {
    return Error(Reason::kPinRefused,
                 "the token has one try left before it locks the user PIN; log in by hand first");
  }
  return absl::OkStatus();
}

absl::Status LogInOnce(Session& session, const CK_TOKEN_INFO& info, PinFile& pin_file) {
  RETURN_IF_ERROR(CheckPinFlags(info.flags));
  if ((info.flags & CKF_USER_PIN_COUNT_LOW) != 0) RETURN_IF_ERROR(pin_file.CheckRefusalOnRecord());
  ASSIGN_OR_RETURN(const crypto::SecretBytes pin, pin_file.Read());
  const std::string identity = absl::StrCat(Unpadded(info.serialNumber), " ", Unpadded(info.label));
  RETURN_IF_ERROR(pin_file.CheckNotRefused(pin, identity));
  const CK_RV code = session.LogIn(pin.Expose(crypto::SecretAccess::kGranted));
  if (code == CKR_USER_ALREADY_LOGGED_IN) return absl::OkStatus();
  absl::Status status = ToStatus(code, "C_Login");
  if (status.ok()) pin_file.MarkAccepted();
  if (ReasonOf(status) == Reason::kPinRefused) {
    RETURN_IF_ERROR(pin_file.MarkRefused(pin, identity));
  }
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Token>> Token::LogIn(const CK_FUNCTION_LIST& functions,
                                                    const TokenIdentity& wanted,
                                                    PinFile& pin_file) {
  ASSIGN_OR_RETURN(const FoundToken found, FindToken(functions, wanted));
  std::unique_ptr<Token> token(
      new Token(functions, found.slot, {wanted.label, Unpadded(found.info.serialNumber)}));
  ASSIGN_OR_RETURN(token->anchor_, token->OpenSession());
  RETURN_IF_ERROR(LogInOnce(*token->anchor_, found.info, pin_file));
  return token;
}

Token::~Token() {
  anchor_.reset();
  functions_.C_CloseAllSessions(slot_);
}

absl::Status Token::CheckPresent() const {
  CK_TOKEN_INFO info = {};
  const absl::Status status = ToStatus(functions_.C_GetTokenInfo(slot_, &info), "C_GetTokenInfo");
  if (!status.ok()) return RecoverableBy(Recovery::kTokenAway, status);
  if (!Matches(info, identity_)) {
    return RecoverableBy(Recovery::kTokenAway,
                         Error(Reason::kHsmUnavailable, "another token is in the slot"));
  }
  return absl::OkStatus();
}

absl::StatusOr<Capabilities> Token::ProbeCapabilities() const {
  CK_INFO library = {};
  RETURN_IF_ERROR(ToStatus(functions_.C_GetInfo(&library), "C_GetInfo"));
  CK_TOKEN_INFO info = {};
  RETURN_IF_ERROR(ToStatus(functions_.C_GetTokenInfo(slot_, &info), "C_GetTokenInfo"));
  Capabilities capabilities;
  capabilities.token_label = identity_.label;
  capabilities.token_serial = identity_.serial;
  capabilities.manufacturer = Unpadded(info.manufacturerID);
  capabilities.library =
      absl::StrCat(Unpadded(library.libraryDescription), " ", library.libraryVersion.major, ".",
                   library.libraryVersion.minor);
  ASSIGN_OR_RETURN(capabilities.kinds, ProbeKinds(functions_, slot_));
  ASSIGN_OR_RETURN(capabilities.delivers, ProbeOaep(functions_, slot_, CKF_WRAP));
  ASSIGN_OR_RETURN(capabilities.imports, ProbeOaep(functions_, slot_, CKF_UNWRAP));
  return capabilities;
}

}  // namespace keysvc::pkcs11
