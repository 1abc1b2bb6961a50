#include "policy/weekly_hours.h"

#include <algorithm>
#include <array>
#include <optional>

namespace keysvc::policy {
namespace {

constexpr std::size_t kMinutesOfDay = std::size_t{24} * 60;
constexpr auto kDays =
    std::to_array<std::string_view>({"mon", "tue", "wed", "thu", "fri", "sat", "sun"});

// "00:00" to "24:00".
std::optional<std::size_t> MinuteOf(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  for (const std::size_t i : {0U, 1U, 3U, 4U}) {
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
  }
  const auto digit = [&](std::size_t i) { return static_cast<std::size_t>(text[i] - '0'); };
  const std::size_t minute = digit(3) * 10 + digit(4);
  const std::size_t of_day = (digit(0) * 10 + digit(1)) * 60 + minute;
  if (minute >= 60 || of_day > kMinutesOfDay) return std::nullopt;
  return of_day;
}

}  // namespace

bool WeeklyHours::Add(std::string_view day, std::string_view from, std::string_view to) {
  const auto found = std::find(kDays.begin(), kDays.end(), day);
  const std::optional<std::size_t> start = MinuteOf(from);
  const std::optional<std::size_t> end = MinuteOf(to);
  if (found == kDays.end() || !start.has_value() || !end.has_value() || *end <= *start) {
    return false;
  }
  const auto midnight = static_cast<std::size_t>(found - kDays.begin()) * kMinutesOfDay;
  for (std::size_t minute = *start; minute < *end; ++minute) minutes_.set(midnight + minute);
  return true;
}

bool WeeklyHours::Merge(const WeeklyHours& added) {
  const bool any = (added.minutes_ & ~minutes_).any();
  minutes_ |= added.minutes_;
  return any;
}

bool WeeklyHours::Contain(std::optional<absl::Time> time) const {
  if (minutes_.none()) return true;
  if (!time.has_value()) return false;
  const absl::CivilMinute minute = absl::ToCivilMinute(*time, absl::UTCTimeZone());
  const auto day = static_cast<std::size_t>(absl::GetWeekday(minute));  // Monday first
  return minutes_.test(day * kMinutesOfDay + static_cast<std::size_t>(minute.hour()) * 60 +
                       static_cast<std::size_t>(minute.minute()));
}

bool WeeklyHours::Cover(const WeeklyHours& other) const {
  if (minutes_.none()) return true;
  return other.minutes_.any() && (other.minutes_ & ~minutes_).none();
}

}  // namespace keysvc::policy
