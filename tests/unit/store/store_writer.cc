// Opens the store at argv[1] and writes one token with its leaf per transaction until it is killed,
// reporting the handle of each on standard output (8 bytes) once its commit was acknowledged. Ends
// with kInUse when another process has the store, and with 1 after any other error.
#include <unistd.h>

#include <cstdint>

#include "status/reason.h"
#include "store/sqlcipher_store.h"
#include "tests/unit/store/rows_for_tests.h"

namespace keysvc::testing {
namespace {

constexpr int kInUse = 3;

int WriteForEver(const char* path) {
  const auto store = store::OpenSqlcipherStore(OptionsAt(path), KeyOf(1));
  if (!store.ok()) return ReasonOf(store.status()) == Reason::kStoreInUse ? kInUse : 1;
  const auto frontier = (*store)->ReadFrontier();
  if (!frontier.ok()) return 1;
  for (std::uint64_t size = frontier->size;; ++size) {
    const std::int64_t handle = (*store)->AllocateHandles(1);
    const auto transaction = (*store)->Begin();
    if (!transaction.ok() ||
        !(*transaction)->Apply({.tokens = {TokenRowOf(handle, PanIndexOf(handle))}}, 0).ok() ||
        !(*transaction)->AppendLeaf(LeafRowOf(size)).ok() ||
        !(*transaction)->PutFrontier(FrontierRowOf(size + 1)).ok() ||
        !(*transaction)->Commit().ok() ||
        write(STDOUT_FILENO, &handle, sizeof handle) != sizeof handle) {
      return 1;
    }
  }
}

}  // namespace
}  // namespace keysvc::testing

int main(int argc, char** argv) { return argc == 2 ? keysvc::testing::WriteForEver(argv[1]) : 1; }
