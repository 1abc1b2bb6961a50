#ifndef KEYSVC_POLICY_LIMITS_H_
#define KEYSVC_POLICY_LIMITS_H_

#include <cstdint>

namespace keysvc::policy {

// How many wrong tokens a caller may name within an hour: `count`, or `percent` of all tokens that
// it names in that hour, whichever is more.
struct MissLimit {
  std::uint32_t count = 50;
  std::uint32_t percent = 1;
};

// What the callers of a rule may do only so often. What they have done is counted elsewhere.
struct Limits {
  MissLimit misses;
};

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_LIMITS_H_
