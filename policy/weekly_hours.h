#ifndef KEYSVC_POLICY_WEEKLY_HOURS_H_
#define KEYSVC_POLICY_WEEKLY_HOURS_H_

#include <bitset>
#include <cstddef>
#include <optional>
#include <string_view>

#include "absl/time/time.h"

namespace keysvc::policy {

// Which minutes of the week, in UTC; all of them where nothing was added. A value.
class WeeklyHours {
 public:
  // A day by the first three letters of its English name, and times of that day as "08:00", the end
  // excluded and at most "24:00". False, and nothing added, for anything else and for an end that
  // is not after its start.
  bool Add(std::string_view day, std::string_view from, std::string_view to);

  // Adds the minutes of the other, which has some. False when none of them was new.
  bool Merge(const WeeklyHours& added);

  // A time that is not known is in all minutes only.
  bool Contain(std::optional<absl::Time> time) const;
  bool Cover(const WeeklyHours& other) const;

 private:
  static constexpr std::size_t kMinutes = std::size_t{7} * 24 * 60;
  std::bitset<kMinutes> minutes_;  // none set: all
};

}  // namespace keysvc::policy

#endif  // KEYSVC_POLICY_WEEKLY_HOURS_H_
