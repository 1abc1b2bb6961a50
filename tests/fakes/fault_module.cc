#include "tests/fakes/fault_module.h"

#include <dlfcn.h>

#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace keysvc::testing::fault_module {
namespace {

struct Plan {
  std::size_t calls = 0;
  std::size_t failures = 0;
  CK_RV failure = CKR_OK;
  CK_RV lost_answer = CKR_OK;
  std::function<void()> before;
};

struct State {
  std::mutex mutex;
  std::map<std::string, Plan, std::less<>> plans;
  CK_FLAGS token_flags = 0;
  const CK_FUNCTION_LIST* real = nullptr;
  CK_FUNCTION_LIST forwarding = {};

  Plan& PlanOf(std::string_view function) { return plans[std::string(function)]; }
};

State& TheState() {
  static State state;
  return state;
}

template <auto kMember>
struct Forward;
template <typename... Arguments, CK_RV (*CK_FUNCTION_LIST::*kMember)(Arguments...)>
struct Forward<kMember> {
  static inline std::string_view name;

  static CK_RV Call(Arguments... arguments) {
    State& state = TheState();
    std::function<void()> before;
    {
      const std::lock_guard lock(state.mutex);
      before = state.PlanOf(name).before;
    }
    if (before) before();
    CK_RV lost_answer = CKR_OK;
    {
      const std::lock_guard lock(state.mutex);
      Plan& plan = state.PlanOf(name);
      ++plan.calls;
      if (plan.failures > 0) {
        --plan.failures;
        return plan.failure;
      }
      lost_answer = std::exchange(plan.lost_answer, CKR_OK);
    }
    const CK_RV code = (state.real->*kMember)(arguments...);
    return lost_answer == CKR_OK ? code : lost_answer;
  }
};

template <auto kMember>
void Replace(std::string_view name) {
  Forward<kMember>::name = name;
  TheState().forwarding.*kMember = &Forward<kMember>::Call;
}

CK_RV GetTokenInfo(CK_SLOT_ID slot, CK_TOKEN_INFO* info) {
  const CK_RV code = Forward<&CK_FUNCTION_LIST::C_GetTokenInfo>::Call(slot, info);
  const std::lock_guard lock(TheState().mutex);
  if (code == CKR_OK) info->flags |= TheState().token_flags;
  return code;
}

#define REPLACE(function) Replace<&CK_FUNCTION_LIST::function>(#function)

void Load() {
  State& state = TheState();
  void* const library = dlopen(KEYSVC_SOFTHSM2_MODULE, RTLD_NOW | RTLD_LOCAL);
  const auto get_functions =
      reinterpret_cast<CK_C_GetFunctionList>(dlsym(library, "C_GetFunctionList"));
  CK_FUNCTION_LIST* real = nullptr;
  get_functions(&real);
  state.forwarding = *real;
  REPLACE(C_Initialize);
  REPLACE(C_Finalize);
  REPLACE(C_GetTokenInfo);
  REPLACE(C_OpenSession);
  REPLACE(C_Login);
  REPLACE(C_FindObjectsInit);
  REPLACE(C_FindObjects);
  REPLACE(C_GetAttributeValue);
  REPLACE(C_GenerateKey);
  REPLACE(C_GenerateKeyPair);
  REPLACE(C_DestroyObject);
  REPLACE(C_SignInit);
  REPLACE(C_Sign);
  REPLACE(C_EncryptInit);
  REPLACE(C_Encrypt);
  REPLACE(C_DecryptInit);
  REPLACE(C_Decrypt);
  state.forwarding.C_GetTokenInfo = &GetTokenInfo;
  state.real = real;
}

}  // namespace

void Fail(std::string_view function, CK_RV code, std::size_t times) {
  const std::lock_guard lock(TheState().mutex);
  Plan& plan = TheState().PlanOf(function);
  plan.failure = code;
  plan.failures = times;
}

void LoseAnswer(std::string_view function, CK_RV code) {
  const std::lock_guard lock(TheState().mutex);
  TheState().PlanOf(function).lost_answer = code;
}

void Before(std::string_view function, std::function<void()> hook) {
  const std::lock_guard lock(TheState().mutex);
  TheState().PlanOf(function).before = std::move(hook);
}

void AddTokenFlags(CK_FLAGS flags) {
  const std::lock_guard lock(TheState().mutex);
  TheState().token_flags |= flags;
}

std::size_t Calls(std::string_view function) {
  const std::lock_guard lock(TheState().mutex);
  return TheState().PlanOf(function).calls;
}

void Reset() {
  const std::lock_guard lock(TheState().mutex);
  TheState().plans.clear();
  TheState().token_flags = 0;
}

}  // namespace keysvc::testing::fault_module

extern "C" CK_RV C_GetFunctionList(CK_FUNCTION_LIST** functions) {
  using keysvc::testing::fault_module::TheState;
  static const bool loaded = (keysvc::testing::fault_module::Load(), true);
  (void)loaded;
  *functions = &TheState().forwarding;
  return CKR_OK;
}
