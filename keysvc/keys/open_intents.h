#ifndef KEYSVC_KEYSVC_KEYS_OPEN_INTENTS_H_
#define KEYSVC_KEYSVC_KEYS_OPEN_INTENTS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "absl/status/statusor.h"
#include "store/store.h"

namespace keysvc::keys {

// The log indexes of the intents that announced these resources, which are key versions: each is
// announced once. Reads the log backwards and stops at the last one found; a resource whose intent
// is not in the store is left out.
absl::StatusOr<std::map<std::string, std::uint64_t>> FindIntents(store::Store& store,
                                                                 std::set<std::string> resources);

}  // namespace keysvc::keys

#endif  // KEYSVC_KEYSVC_KEYS_OPEN_INTENTS_H_
