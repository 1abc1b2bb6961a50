#include "tests/fakes/fault_module.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <tuple>
#include <utility>

#include "tests/fakes/cryptoki_functions.h"
#include "tests/fakes/fault_plan.h"

namespace keysvc::testing::fault_module {
namespace {

constexpr std::chrono::milliseconds kLook(2);

std::string FromEnvironment(const char* name, const char* otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : value;
}

[[noreturn]] void GiveUp(const std::string& why) {
  std::fprintf(stderr, "fault module: %s\n", why.c_str());
  std::abort();
}

[[noreturn]] void Die() {
  ::kill(::getpid(), SIGKILL);
  for (;;) ::pause();
}

// A rule file, and the plan that it held when it was last read.
class RuleFile {
 public:
  FaultPlan& Plan() {
    const std::string path = FromEnvironment("KEYSVC_FAULT_RULES", "");
    const auto stamp = StampOf(path);
    if (stamp != read_) {
      read_ = stamp;
      plan_ = stamp ? Read(path) : FaultPlan();
    }
    return plan_;
  }

 private:
  using Stamp = std::tuple<ino_t, off_t, time_t, long>;

  static std::optional<Stamp> StampOf(const std::string& path) {
    struct stat status = {};
    if (path.empty() || ::stat(path.c_str(), &status) != 0) return std::nullopt;
    return Stamp(status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec);
  }

  static FaultPlan Read(const std::string& path) {
    const std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    auto rules = ParseFaultRules(text.str());
    if (!rules.ok()) GiveUp(path + ": " + rules.status().ToString());
    return FaultPlan(*std::move(rules));
  }

  std::optional<Stamp> read_;
  FaultPlan plan_;
};

struct State {
  std::mutex mutex;
  RuleFile from_file;
  FaultPlan from_test;
  std::map<std::string, std::size_t, std::less<>> calls;
  std::map<std::string, std::function<void()>, std::less<>> hooks;
  int trace = -1;
  const CK_FUNCTION_LIST* real = nullptr;
  CK_FUNCTION_LIST forwarding = {};
};

State& TheState() {
  static State state;
  return state;
}

void Trace(int file, std::string_view function) {
  if (file < 0) return;
  const std::string line = std::string(function) + "\n";
  if (::write(file, line.data(), line.size()) < 0) GiveUp("the trace cannot be written");
}

Fault Meet(std::string_view function) {
  State& state = TheState();
  std::function<void()> hook;
  {
    const std::lock_guard lock(state.mutex);
    if (const auto found = state.hooks.find(function); found != state.hooks.end()) {
      hook = found->second;
    }
  }
  if (hook) hook();
  const std::lock_guard lock(state.mutex);
  ++state.calls[std::string(function)];
  Trace(state.trace, function);
  Fault fault;
  state.from_test.Meet(function, fault);
  state.from_file.Plan().Meet(function, fault);
  return fault;
}

void Suffer(const Fault& fault) {
  std::this_thread::sleep_for(fault.delay);
  for (const std::string& file : fault.hang_on) {
    while (::access(file.c_str(), F_OK) == 0) std::this_thread::sleep_for(kLook);
  }
  if (fault.kill_before) Die();
}

// The one way that every call takes.
template <typename Call>
CK_RV Around(std::string_view function, Fault& fault, Call real) {
  fault = Meet(function);
  Suffer(fault);
  if (fault.instead != CKR_OK) return fault.instead;
  const CK_RV code = real();
  if (fault.kill_after) Die();
  return fault.afterwards == CKR_OK ? code : fault.afterwards;
}

template <auto kMember>
struct Forward;
template <typename... Arguments, CK_RV (*CK_FUNCTION_LIST::*kMember)(Arguments...)>
struct Forward<kMember> {
  static inline std::string_view name;

  static CK_RV Call(Arguments... arguments) {
    Fault fault;
    return Around(name, fault, [&] { return (TheState().real->*kMember)(arguments...); });
  }
};

template <auto kMember>
void Replace(std::string_view name) {
  Forward<kMember>::name = name;
  TheState().forwarding.*kMember = &Forward<kMember>::Call;
}

CK_RV GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  Fault fault;
  const CK_RV code =
      Around("C_GetTokenInfo", fault, [&] { return TheState().real->C_GetTokenInfo(slot, info); });
  if (code == CKR_OK) info->flags |= fault.flags;
  return code;
}

// What the real library would give leads around this one.
CK_RV GetFunctionList(CK_FUNCTION_LIST** functions) {
  Fault fault;
  return Around("C_GetFunctionList", fault, [&] {
    *functions = &TheState().forwarding;
    return CKR_OK;
  });
}

bool Load() {
  State& state = TheState();
  const std::string path = FromEnvironment("KEYSVC_FAULT_REAL_MODULE", KEYSVC_SOFTHSM2_MODULE);
  void* const library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) GiveUp("cannot load " + path);
  const auto get_functions =
      reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* real = nullptr;
  if (get_functions == nullptr || get_functions(&real) != CKR_OK) GiveUp(path + " is no module");
  if (const std::string trace = FromEnvironment("KEYSVC_FAULT_TRACE", ""); !trace.empty()) {
    state.trace = ::open(trace.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (state.trace < 0) GiveUp("cannot write " + trace);
  }
  state.real = real;
  state.forwarding.version = real->version;
#define KEYSVC_COUNT(function) +1
#define KEYSVC_REPLACE(function) Replace<&CK_FUNCTION_LIST::function>(#function);
  static_assert(0 KEYSVC_CRYPTOKI_FUNCTIONS(KEYSVC_COUNT) ==
                (sizeof(CK_FUNCTION_LIST) - offsetof(CK_FUNCTION_LIST, C_Initialize)) /
                    sizeof(CK_C_Initialize));
  KEYSVC_CRYPTOKI_FUNCTIONS(KEYSVC_REPLACE)
#undef KEYSVC_REPLACE
#undef KEYSVC_COUNT
  state.forwarding.C_GetTokenInfo = &GetTokenInfo;
  state.forwarding.C_GetFunctionList = &GetFunctionList;
  return true;
}

void Arm(FaultRule rule) {
  const std::lock_guard lock(TheState().mutex);
  TheState().from_test.Remove(rule.function, rule.action);
  TheState().from_test.Add(std::move(rule));
}

}  // namespace

void Fail(std::string_view function, CK_RV code, std::size_t times) {
  FaultRule rule;
  rule.function = function;
  rule.last = times;
  rule.code = code;
  Arm(std::move(rule));
}

void LoseAnswer(std::string_view function, CK_RV code) {
  FaultRule rule;
  rule.function = function;
  rule.last = 1;
  rule.action = FaultAction::kLose;
  rule.code = code;
  Arm(std::move(rule));
}

void Before(std::string_view function, std::function<void()> hook) {
  const std::lock_guard lock(TheState().mutex);
  TheState().hooks[std::string(function)] = std::move(hook);
}

void AddTokenFlags(CK_FLAGS flags) {
  FaultRule rule;
  rule.function = "C_GetTokenInfo";
  rule.action = FaultAction::kFlags;
  rule.flags = flags;
  Arm(std::move(rule));
}

std::size_t Calls(std::string_view function) {
  const std::lock_guard lock(TheState().mutex);
  const auto found = TheState().calls.find(function);
  return found == TheState().calls.end() ? 0 : found->second;
}

void Reset() {
  const std::lock_guard lock(TheState().mutex);
  TheState().from_test = {};
  TheState().calls.clear();
  TheState().hooks.clear();
}

}  // namespace keysvc::testing::fault_module

extern "C" CK_RV C_GetFunctionList(CK_FUNCTION_LIST** functions) {
  using keysvc::testing::fault_module::GetFunctionList;
  static const bool loaded = keysvc::testing::fault_module::Load();
  (void)loaded;
  return GetFunctionList(functions);
}
