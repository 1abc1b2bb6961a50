#ifndef KEYSVC_TOKENIZER_ANSWER_RETENTION_H_
#define KEYSVC_TOKENIZER_ANSWER_RETENTION_H_

#include "absl/time/time.h"

namespace keysvc::tokenizer {

// For how long an answer is kept for who repeats its request, where nothing else is said.
inline constexpr absl::Duration kKeepAnswers = absl::Hours(24);

}  // namespace keysvc::tokenizer

#endif  // KEYSVC_TOKENIZER_ANSWER_RETENTION_H_
