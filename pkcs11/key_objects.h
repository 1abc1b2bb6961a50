// The keys of keysvc as objects on a token. Every function takes a session whose errors are those
// of ToStatus(); none of them is repeated or recovered here.
#ifndef KEYSVC_PKCS11_KEY_OBJECTS_H_
#define KEYSVC_PKCS11_KEY_OBJECTS_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "pkcs11/attributes.h"
#include "pkcs11/cryptoki.h"
#include "pkcs11/hsm.h"
#include "pkcs11/session.h"

namespace keysvc::pkcs11 {

// The handles of a key: good for one log-in.
struct KeyObjects {
  KeyKind kind;
  CK_OBJECT_HANDLE secret = CK_INVALID_HANDLE;       // the secret key or the private half
  CK_OBJECT_HANDLE public_half = CK_INVALID_HANDLE;  // CK_INVALID_HANDLE when there is none
};

// nullopt when the token has no such key. INTERNAL/HSM_FAILURE when there are several, or it is of
// no kind that keysvc knows.
absl::StatusOr<std::optional<KeyObjects>> FindKey(Session& session, std::string_view label);

// All keys of keysvc: CKA_ID is the hash of the label and the kind is known. Others are left out.
absl::StatusOr<std::vector<HsmKey>> ListKeys(Session& session);

// Makes the key. The caller has made sure that there is none with this label.
absl::Status GenerateKey(Session& session, std::string_view label, KeyKind kind,
                         Restriction restriction = Restriction::kMechanisms,
                         Extraction extraction = Extraction::kNever);

// INTERNAL/HSM_FAILURE unless a key that was unwrapped is sensitive, leaves the token never and
// (not asked of a token that restricts operations alone) says that it was made elsewhere; and the
// token uses it. WRAPPED_SECRET_INVALID when its size is not one that its kind may have: as far as
// the token tells, and of those that it takes.
absl::Status ProveImported(Session& session, const KeyObjects& key, Restriction restriction);

// FAILED_PRECONDITION/KEY_DELIVERED unless the key may still leave the token.
absl::Status CheckExtractable(Session& session, const KeyObjects& key);
// Lets the key never leave the token any more. INTERNAL/HSM_FAILURE when it still may.
absl::Status EndExtraction(Session& session, const KeyObjects& key);

// Destroys all objects of the key and looks again; the number of objects there were.
absl::StatusOr<std::size_t> DestroyKey(Session& session, std::string_view label);

// DER SubjectPublicKeyInfo. FAILED_PRECONDITION/ALGORITHM_UNSUPPORTED for a symmetric key.
absl::StatusOr<std::string> ReadSpki(Session& session, const KeyObjects& key);

// INTERNAL/HSM_FAILURE unless the key is sensitive, leaves the token as it should and (not asked of
// a token that restricts operations alone, since it does not remember) was made in it; and the
// token gives a right answer with it.
absl::Status ProveKey(Session& session, const KeyObjects& key,
                      Restriction restriction = Restriction::kMechanisms,
                      Extraction extraction = Extraction::kNever);

}  // namespace keysvc::pkcs11

#endif  // KEYSVC_PKCS11_KEY_OBJECTS_H_
