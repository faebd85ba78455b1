// Messages to the person who runs the program: rank 0 speaks, on stderr, and optionally to a JSON-lines file.
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <string>

#include "core/communicator.hpp"

namespace mesoglass {

class Log {
 public:
  // `quiet` keeps warnings. `json_file` empty = none. Not collective; ranks other than 0 stay silent.
  Log(const Communicator& communicator, bool quiet, const std::filesystem::path& json_file);
  ~Log();

  template <typename... Arguments>
  void information(fmt::format_string<Arguments...> format, Arguments&&... arguments) const {
    write(false, fmt::format(format, std::forward<Arguments>(arguments)...));
  }
  template <typename... Arguments>
  void warning(fmt::format_string<Arguments...> format, Arguments&&... arguments) const {
    write(true, fmt::format(format, std::forward<Arguments>(arguments)...));
  }
  [[nodiscard]] bool quiet() const noexcept;

 private:
  void write(bool is_warning, const std::string& text) const;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace mesoglass
