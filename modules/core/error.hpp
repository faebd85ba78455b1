// Errors that end a program: one message, one exit code, known to every rank.
#pragma once

#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace mesoglass {

// What the shell, a launcher or Slurm sees.
enum class ExitCode : int {
  success = 0,
  failure = 1,                 // something went wrong that another input would not mend (disk full, solver diverged)
  bad_input = 2,               // bad usage, a bad file or an impossible parameter
  stopped_at_checkpoint = 75,  // EX_TEMPFAIL: nothing is wrong, run me again with --resume
};

// A message reads "<problem> (<why>): <what to do>", names file and value, and is one paragraph.
class Error : public std::runtime_error {
 public:
  Error(ExitCode exit_code, const std::string& message, bool agreed = false)
      : std::runtime_error(message), exit_code_(exit_code), agreed_(agreed) {}

  [[nodiscard]] ExitCode exit_code() const noexcept { return exit_code_; }

  // True where every rank of the communicator threw this same error together, so that no rank is left waiting.
  [[nodiscard]] bool agreed() const noexcept { return agreed_; }

 private:
  ExitCode exit_code_;
  bool agreed_;
};

// The user can mend it: usage, file or parameter.
template <typename... Arguments>
[[nodiscard]] Error input_error(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  return {ExitCode::bad_input, fmt::format(format, std::forward<Arguments>(arguments)...)};
}

// The run failed on good input.
template <typename... Arguments>
[[nodiscard]] Error failure(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
  return {ExitCode::failure, fmt::format(format, std::forward<Arguments>(arguments)...)};
}

// The same error with a "while reading X" in front, for a caller that knows more than the thrower.
[[nodiscard]] Error with_context(const std::string& context, const std::exception& cause);

}  // namespace mesoglass
