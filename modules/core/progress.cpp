#include "core/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace mesoglass {

namespace {
double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}
}  // namespace

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds)) return "?";
  if (seconds < 60.0) return fmt::format("{:.1f} s", seconds);
  const auto whole = static_cast<long long>(std::llround(seconds));
  if (whole < 3600) return fmt::format("{} min {} s", whole / 60, whole % 60);
  return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
}

std::string bytes_text(double bytes) {
  constexpr const char* names[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  int step = 0;
  while (bytes >= 1024.0 && step < 5) {
    bytes /= 1024.0;
    ++step;
  }
  return fmt::format("{:.{}f} {}", bytes, step == 0 ? 0 : 1, names[step]);
}

Progress::Progress(const Log& log, std::string task, double total, std::string unit)
    : log_(log),
      task_(std::move(task)),
      total_(total),
      unit_(std::move(unit)),
      active_(!log.quiet() && total > 0.0),
      terminal_(isatty(STDERR_FILENO) == 1),
      start_(std::chrono::steady_clock::now()),
      last_shown_(start_) {}

Progress::~Progress() {
  // Tasks that took no time leave no line.
  if (active_ && seconds_since(start_) > 1.0) show(last_done_, true);
}

void Progress::update(double done) {
  last_done_ = done;
  if (!active_) return;
  const double since_shown = seconds_since(last_shown_);
  const double fraction = done / total_;
  const bool due = terminal_ ? since_shown > 0.2
                             : since_shown > 60.0 || (fraction - last_shown_fraction_ >= 0.05 && since_shown > 5.0);
  if (!due) return;
  last_shown_fraction_ = fraction;
  show(done, false);
}

void Progress::show(double done, bool final) const {
  last_shown_ = std::chrono::steady_clock::now();
  const double elapsed = seconds_since(start_);
  const double fraction = std::clamp(done / total_, 0.0, 1.0);
  const double rate = elapsed > 0.0 ? done / elapsed : 0.0;
  const auto rest = final ? "took " + duration_text(elapsed)
                          : duration_text(fraction > 0.0 ? elapsed * (1.0 - fraction) / fraction : INFINITY) + " left";
  if (!terminal_) {
    log_.information("{}: {:.0f} % ({:.4g} of {:.4g} {}), {:.3g} {}/s, {}", task_, 100.0 * fraction, done, total_,
                     unit_, rate, unit_, rest);
    return;
  }
  constexpr int width = 30;
  const int filled = static_cast<int>(fraction * width);
  fmt::print(stderr, "\r{} [{}{}] {:3.0f} %  {:.3g} {}/s  {}   {}", task_,
             std::string(static_cast<std::size_t>(filled), '#'),
             std::string(static_cast<std::size_t>(width - filled), '.'), 100.0 * fraction, rate, unit_, rest,
             final ? "\n" : "");
  std::fflush(stderr);
}

}  // namespace mesoglass
