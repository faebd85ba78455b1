// The frame of every executable: options, dry run, log, summary, provenance, errors and exit code.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "core/atomic_output.hpp"
#include "core/communicator.hpp"
#include "core/logging.hpp"
#include "core/option_table.hpp"
#include "core/phase_timers.hpp"
#include "core/progress.hpp"
#include "core/provenance.hpp"
#include "core/signals.hpp"
#include "core/summary.hpp"

namespace mesoglass {

// What a program's body works with.
class Run {
 public:
  Run(const Communicator& communicator, Options options, const ProgramInformation& program,
      const std::string& command_line);

  [[nodiscard]] const Communicator& communicator() const noexcept { return communicator_; }
  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] const Log& log() const noexcept { return log_; }
  [[nodiscard]] Summary& summary() noexcept { return summary_; }
  [[nodiscard]] Provenance& provenance() noexcept { return provenance_; }
  [[nodiscard]] PhaseTimers& timers() noexcept { return timers_; }

  // One line of the plan: sizes, memory a rank, output size, cost. Shown by --dry-run, and logged otherwise.
  template <typename... Arguments>
  void plan(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    add_plan(fmt::format(format, std::forward<Arguments>(arguments)...));
  }
  // True under --dry-run: every input has been read and checked and the plan told; compute and write nothing.
  [[nodiscard]] bool dry_run() const { return options_.flag("dry-run"); }
  [[nodiscard]] bool resume() const { return options_.flag("resume"); }
  [[nodiscard]] IfExists if_exists() const {
    return options_.flag("overwrite") ? IfExists::overwrite : IfExists::refuse;
  }
  // Under --resume a complete output means there is nothing to do: true, and said. Collective.
  [[nodiscard]] bool already_complete(const std::filesystem::path& output) const;

 private:
  void add_plan(const std::string& line);
  const Communicator& communicator_;
  Options options_;
  Log log_;
  Summary summary_;
  Provenance provenance_;
  PhaseTimers timers_;
};

// Parses the command line, adds the common options (help, version, config, dump-config, manual, dry-run, summary,
// overwrite, resume, quiet, log-json), runs `body` on every rank and returns the exit code. Every failure becomes one
// message on stderr from one rank; a rank that fails alone ends the others instead of leaving them waiting.
// `table` holds the program's own options.
[[nodiscard]] int run_program(int argc, char** argv, const ProgramInformation& program, OptionTable table,
                              const std::function<void(Run&)>& body);

}  // namespace mesoglass
