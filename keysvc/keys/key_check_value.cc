#include "keysvc/keys/key_check_value.h"

#include <cstddef>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "keysvc/keys/signature.h"
#include "status/macros.h"
#include "status/reason.h"

namespace keysvc::keys {
namespace {

constexpr std::size_t kSize = 5;
constexpr std::size_t kBlock = 16;

}  // namespace

absl::StatusOr<std::string> KeyCheckValueOf(pkcs11::Hsm& hsm, const KeyVersion& version) {
  if (!IsMac(version.parameters.algorithm)) {
    return Error(Reason::kAlgorithmUnsupported, "only what makes MACs has a check value");
  }
  ASSIGN_OR_RETURN(const SignatureScheme scheme, SchemeOf(version.parameters, RsaPadding::kPss));
  const bool cmac = version.parameters.algorithm == Algorithm::kAes256Cmac;
  const std::string message(cmac ? kBlock : 0, '\0');
  const auto tag = hsm.Sign(version.hsm_label, scheme.mechanism, message);
  // Tokens differ in what they call an argument that they do not take, and call other failures the
  // same: where the key MACs one byte it is the length that they do not take.
  const bool refused = ReasonOf(tag.status()) == Reason::kAlgorithmUnsupported ||
                       ReasonOf(tag.status()) == Reason::kHsmFailure;
  if (refused && message.empty() &&
      hsm.Sign(version.hsm_label, scheme.mechanism, std::string(1, '\0')).ok()) {
    return std::string();
  }
  RETURN_IF_ERROR(tag.status());
  return absl::AsciiStrToUpper(absl::BytesToHexString(tag->substr(0, kSize)));
}

}  // namespace keysvc::keys
