#ifndef KEYSVC_KEYSVC_KEYS_PRESENTED_HTTP_MESSAGE_H_
#define KEYSVC_KEYSVC_KEYS_PRESENTED_HTTP_MESSAGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "http/message.h"
#include "keysvc/keys/presented_signature.h"

namespace keysvc::keys {

// An HTTP message with a signature of RFC 9421: by keys of the purpose http.
class PresentedHttpMessage : public PresentedSignature {
 public:
  // The message with its Signature-Input and Signature. An empty label is that of the only
  // signature there is. `required_components` have to be covered.
  PresentedHttpMessage(http::Message message, std::string label,
                       std::vector<std::string> required_components);

  std::string_view method() const override { return "SigningService.VerifyHttpMessage"; }
  absl::StatusOr<std::string_view> AlgOf(const KeyParameters& parameters) const override;
  // Refuses a message that is none or lacks what is covered; a signature or its input that is not
  // in the form of RFC 9421 or has what is not understood; several without a label; a covered
  // Content-Digest without the body.
  absl::StatusOr<Claims> Read() const override;

 private:
  const http::Message message_;
  const std::string label_;
  const std::vector<std::string> required_components_;
};

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_PRESENTED_HTTP_MESSAGE_H_
