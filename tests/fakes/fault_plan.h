// Which calls of PKCS#11 functions go wrong, and how.
//
// A rule file has one rule per line; empty lines and lines that start with '#' do not count:
//
//   FUNCTION CALLS ACTION [p=PROBABILITY [seed=NUMBER]]
//
//   FUNCTION  C_Sign, or * for every function
//   CALLS     *, N or N..M: which calls of the function, the first one being 1, counted from when
//             the file was read; "* 7" is the seventh call of any function
//   ACTION    return CODE     gives CODE and does nothing else
//             lose CODE       does its work and gives CODE all the same
//             delay MS        waits so many milliseconds, then goes on
//             hang FILE       waits until FILE is gone, then goes on
//             kill before     ends the process by SIGKILL before the real call
//             kill after      ends it when the real call has come back
//             flags FLAG      adds the flag to what C_GetTokenInfo says
//   CODE      the name of a return code, such as CKR_DEVICE_ERROR
//   FLAG      CKF_USER_PIN_COUNT_LOW, CKF_USER_PIN_FINAL_TRY or CKF_USER_PIN_LOCKED
//   p, seed   the chance of each such call, by a generator with this seed (0 when there is none)
//
// Several rules may strike one call: it waits for all of them, and the first that gives a code
// decides which.
#ifndef KEYSVC_TESTS_FAKES_FAULT_PLAN_H_
#define KEYSVC_TESTS_FAKES_FAULT_PLAN_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "pkcs11/cryptoki.h"

namespace keysvc::testing {

enum class FaultAction { kReturn, kLose, kDelay, kHang, kKillBefore, kKillAfter, kFlags };

struct FaultRule {
  static constexpr std::size_t kForEver = std::numeric_limits<std::size_t>::max();

  std::string function;  // "*" is every function
  std::size_t first = 1;
  std::size_t last = kForEver;
  FaultAction action = FaultAction::kReturn;
  CK_RV code = CKR_OK;                   // kReturn, kLose
  std::chrono::milliseconds delay = {};  // kDelay
  std::string file;                      // kHang
  CK_FLAGS flags = 0;                    // kFlags
  double probability = 1;
  std::uint64_t seed = 0;
};

// The rules of a file; an error names the line that is none.
absl::StatusOr<std::vector<FaultRule>> ParseFaultRules(std::string_view text);

// All that befalls one call.
struct Fault {
  std::chrono::milliseconds delay = {};
  std::vector<std::string> hang_on;
  bool kill_before = false;
  bool kill_after = false;
  CK_RV instead = CKR_OK;     // given in place of the call, unless it is CKR_OK
  CK_RV afterwards = CKR_OK;  // given in place of its answer, unless it is CKR_OK
  CK_FLAGS flags = 0;
};

// Rules and how often each has been met. Not thread-safe.
class FaultPlan {
 public:
  FaultPlan() = default;
  explicit FaultPlan(std::vector<FaultRule> rules);

  void Add(FaultRule rule);
  // Takes back what was added for a function with this action.
  void Remove(std::string_view function, FaultAction action);
  // Counts a call of `function` and adds what befalls it to `fault`.
  void Meet(std::string_view function, Fault& fault);

 private:
  struct Armed {
    FaultRule rule;
    std::size_t calls = 0;
    std::mt19937_64 random;
  };
  std::vector<Armed> armed_;
};

}  // namespace keysvc::testing

#endif  // KEYSVC_TESTS_FAKES_FAULT_PLAN_H_
