#include "core/program.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <thread>

#include "core/build_information.hpp"
#include "core/environment.hpp"

namespace mesoglass {

namespace {

void add_common_options(OptionTable& table) {
  table.group("Common");
  table.flag("help").text("Show this text and end.");
  table.flag("version").text("Show the version with build configuration and libraries, and end.");
  table.flag("manual").text("Print the manual page (roff, for man -l) and end.");
  table.flag("dump-config").text("Print every option with default, unit and range as a configuration file, and end.");
  table.list("config").text(
      "Read options from this file (name = value lines); later files win, the command line wins over all.");
  table.flag("dry-run").text(
      "Read and check every input, print the plan (sizes, memory, cost), compute and write nothing.");
  table.text("summary").text("Write the headline numbers with units to this JSON file.");
  table.flag("overwrite").text("Replace outputs that exist.");
  table.flag("resume").text("Continue from a checkpoint, or skip the work where the output is complete.");
  table.flag("quiet").text("Only warnings and errors on stderr.");
  table.text("log-json").text("Append every message to this file as JSON lines.");
}

std::string version_text(const ProgramInformation& program) {
  return fmt::format("{} {} (mesoglass, revision {})\nbuilt {} with {}, flags {}\nlibraries: {}\n", program.name,
                     project_version, git_revision, build_type, compiler, compile_flags,
                     fmt::join(library_versions(), ", "));
}

// Texts about the program need no MPI, so that they work on a login node; under a launcher one process speaks.
bool is_first_process() {
  for (const char* variable : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"}) {
    if (const char* value = std::getenv(variable)) return std::string_view(value) == "0";
  }
  return true;
}

// The files after "--config", each read by `read`.
std::vector<ConfigurationText> configuration_files(const std::vector<std::string>& arguments,
                                                   const std::function<std::string(const std::string&)>& read) {
  std::vector<ConfigurationText> files;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string name;
    if (arguments[i] == "--config" && i + 1 < arguments.size()) name = arguments[i + 1];
    if (arguments[i].starts_with("--config=")) name = arguments[i].substr(9);
    if (!name.empty()) files.push_back({name, read(name)});
  }
  return files;
}

bool print_text_about(const ProgramInformation& program, const OptionTable& table,
                      const std::vector<std::string>& arguments) {
  const auto asked = [&](const char* name) {
    return std::find(arguments.begin(), arguments.end(), name) != arguments.end();
  };
  std::string text;
  if (asked("--help"))
    text = table.help(program);
  else if (asked("--version"))
    text = version_text(program);
  else if (asked("--manual"))
    text = table.manual(program);
  else if (asked("--dump-config")) {
    // The defaults do not depend on other options and files, but a mistake in them is a mistake all the same.
    table.judge(arguments, configuration_files(arguments, read_text_file));
    text = table.configuration(program);
  } else
    return false;
  if (is_first_process()) fmt::print("{}", text);
  return true;
}

// Read by rank 0 for all.
std::vector<ConfigurationText> read_configuration_files(const Communicator& communicator,
                                                        const std::vector<std::string>& arguments) {
  return configuration_files(arguments, [&](const std::string& name) {
    std::string content;
    on_root(communicator, [&] { content = read_text_file(name); });
    return communicator.broadcast_text(std::move(content));
  });
}

std::string quoted_command_line(int argc, char** argv) {
  std::string line;
  for (int i = 0; i < argc; ++i) {
    const std::string word = argv[i];
    if (i > 0) line += ' ';
    if (!word.empty() && word.find_first_of(" \t\n'\"\\$`&|;<>()*?[]#~") == std::string::npos) {
      line += word;
      continue;
    }
    line += '\'';
    for (const char letter : word) line += letter == '\'' ? std::string("'\\''") : std::string(1, letter);
    line += '\'';
  }
  return line;
}

void print_error(const std::string& program, const Error& error) {
  std::fflush(stdout);
  if (error.exit_code() == ExitCode::stopped_at_checkpoint) {
    fmt::print(stderr, "{}: {}\n", program, error.what());
  } else {
    fmt::print(stderr, "{}: error: {}\n", program, error.what());
  }
  std::fflush(stderr);
}

// Ends all ranks when one of them fails where the others do not know of it. Failing ranks tell each other first, so
// that the lowest of them alone speaks.
class FailureChannel {
 public:
  explicit FailureChannel(const Communicator& communicator) : channel_(communicator.get()) {}

  [[nodiscard]] int fail(const std::string& program, const Error& error) {
    const int code = static_cast<int>(error.exit_code());
    std::vector<MPI_Request> requests(static_cast<std::size_t>(channel_.size()), MPI_REQUEST_NULL);
    for (int other = 0; other < channel_.size(); ++other) {
      if (other == channel_.rank()) continue;
      MPI_Isend(&code, 1, MPI_INT, other, tag, channel_.get(), &requests[static_cast<std::size_t>(other)]);
    }
    std::set<int> failed = {channel_.rank()};
    const auto start = std::chrono::steady_clock::now();
    while (static_cast<int>(failed.size()) < channel_.size() && std::chrono::steady_clock::now() - start < grace) {
      int arrived = 0;
      MPI_Status status;
      MPI_Iprobe(MPI_ANY_SOURCE, tag, channel_.get(), &arrived, &status);
      if (arrived == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
        continue;
      }
      int other_code = 0;
      MPI_Recv(&other_code, 1, MPI_INT, status.MPI_SOURCE, tag, channel_.get(), MPI_STATUS_IGNORE);
      failed.insert(status.MPI_SOURCE);
    }
    const bool speaks = *failed.begin() == channel_.rank();
    if (speaks) print_error(program, error);
    if (static_cast<int>(failed.size()) == channel_.size()) {
      MPI_Waitall(static_cast<int>(requests.size()), requests.data(), MPI_STATUSES_IGNORE);
      return code;
    }
    if (!speaks) std::this_thread::sleep_for(grace);
    MPI_Abort(MPI_COMM_WORLD, code);
    return code;
  }

 private:
  static constexpr int tag = 7501;
  static constexpr auto grace = std::chrono::milliseconds(700);
  Communicator channel_;
};

void report_end(Run& run, const ProgramInformation& program) {
  const auto& communicator = run.communicator();
  for (const auto& row : run.timers().over_ranks(communicator)) {
    run.log().information("time in {:<28} {:>10} (over ranks: {} to {})", row.phase, duration_text(row.mean_s),
                          duration_text(row.minimum_s), duration_text(row.maximum_s));
  }
  on_root(communicator, [&] {
    if (!run.dry_run() && !run.summary().entries().empty() && !run.options().flag("quiet")) {
      fmt::print("{}", run.summary().text());
    }
    if (run.options().has("summary") && !run.dry_run())
      run.summary().write(run.options().text("summary"), program.name);
  });
}

}  // namespace

Run::Run(const Communicator& communicator, Options options, const ProgramInformation& program,
         const std::string& command_line)
    : communicator_(communicator),
      options_(std::move(options)),
      log_(communicator, options_.flag("quiet"), options_.has("log-json") ? options_.text("log-json") : std::string()),
      provenance_(program.name, command_line, options_.resolved(), communicator.size()) {}

bool Run::already_complete(const std::filesystem::path& output) const {
  if (!resume()) return false;
  std::error_code error;
  const bool complete =
      communicator_.broadcast(communicator_.is_root() && std::filesystem::is_regular_file(output, error));
  if (complete) log_.information("{} is complete: nothing to do", output.string());
  return complete;
}

void Run::add_plan(const std::string& line) {
  if (!dry_run()) {
    log_.information("{}", line);
  } else if (communicator_.is_root()) {
    fmt::print("plan: {}\n", line);
  }
}

int run_program(int argc, char** argv, const ProgramInformation& program, OptionTable table,
                const std::function<void(Run&)>& body) {
  add_common_options(table);
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  try {
    if (print_text_about(program, table, arguments)) return 0;
  } catch (const Error& error) {
    if (is_first_process()) print_error(program.name, error);
    return static_cast<int>(error.exit_code());
  }

  // A job's signal may come at any time, even while MPI starts.
  stop_on_signal_without_checkpoint(program.name, is_first_process());
  const auto command_line = quoted_command_line(argc, argv);
  Environment environment(argc, argv);
  const auto communicator = Communicator::world();
  FailureChannel channel(communicator);
  // After a failed write HDF5, which MPI_Finalize closes too, may crash: the program ends as it stands.
  const auto finish = [&](int code) {
    if (!hdf5_write_failed()) return code;
    std::fflush(nullptr);
    communicator.barrier();
    std::_Exit(code);
  };
  const auto end_with = [&](const Error& error) {
    if (!error.agreed()) return channel.fail(program.name, error);
    if (communicator.is_root()) print_error(program.name, error);
    return finish(static_cast<int>(error.exit_code()));
  };
  try {
    const auto files = read_configuration_files(communicator, arguments);
    auto options = collectively(communicator, [&] { return table.parse(arguments, files); });
    auto run = collectively(
        communicator, [&] { return std::make_unique<Run>(communicator, std::move(options), program, command_line); });
    body(*run);
    report_end(*run, program);
    return finish(0);
  } catch (const Error& error) {
    return end_with(error);
  } catch (const std::bad_alloc&) {
    return end_with(
        failure("out of memory: use more ranks or nodes, or a smaller problem (--dry-run tells what it needs)"));
  } catch (const std::exception& error) {
    return end_with(failure("{}", error.what()));
  }
}

}  // namespace mesoglass
