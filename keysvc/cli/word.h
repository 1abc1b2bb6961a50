#ifndef KEYSVC_KEYSVC_CLI_WORD_H_
#define KEYSVC_KEYSVC_CLI_WORD_H_

#include <string>
#include <string_view>

namespace keysvc::cli {

// An enumerator without the prefix of its type: "KEY_STATE_ACTIVE" is "ACTIVE".
inline std::string Word(std::string_view enumerator, std::string_view prefix) {
  if (enumerator.starts_with(prefix)) enumerator.remove_prefix(prefix.size());
  return std::string(enumerator);
}

}  // namespace keysvc::cli

#endif  // KEYSVC_KEYSVC_CLI_WORD_H_
