#include "ensemble/ensemble_program.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

#include "core/error.hpp"
#include "ensemble/collection.hpp"
#include "ensemble/deformation_runs.hpp"
#include "ensemble/ensemble_design.hpp"
#include "ensemble/run_files.hpp"
#include "ensemble/work_queue.hpp"

namespace mesoglass::ensemble {

namespace {

enum class Action { run, collect };

// A run at which the program has died so often is taken for failed.
constexpr int most_deaths = 3;

// What the command line asks for.
struct EnsembleCommand {
  Action action = Action::run;
  std::filesystem::path design_file;
  std::filesystem::path output;
  std::filesystem::path runs_folder;
  Slice slice;
  int ranks_per_run = 1;
};

EnsembleCommand parse_command(const Options& options, int ranks) {
  const auto& words = options.list("action");
  if (words.size() != 2 || (words[0] != "run" && words[0] != "collect")) {
    throw input_error("'{}' is not 'run DESIGN' or 'collect DESIGN': say what to do and name the design file",
                      fmt::join(words, " "));
  }
  EnsembleCommand command;
  command.action = words[0] == "run" ? Action::run : Action::collect;
  command.design_file = words[1];
  command.output = options.text("output");
  command.runs_folder = options.has("runs") ? std::filesystem::path(options.text("runs")) : command.output;
  if (!options.has("runs")) command.runs_folder.replace_extension(".runs");
  command.slice = parse_slice(options.text("slice"));
  command.ranks_per_run = static_cast<int>(options.integer("ranks-per-run"));
  if (command.ranks_per_run > ranks) {
    throw input_error("--ranks-per-run {} are more than the {} ranks of this run: start more ranks or ask for fewer",
                      command.ranks_per_run, ranks);
  }
  return command;
}

EnsembleDesign read_design(const Communicator& communicator, const EnsembleCommand& command, const Options& options) {
  std::string text;
  on_root(communicator, [&] { text = read_text_file(command.design_file); });
  text = communicator.broadcast_text(std::move(text));
  return collectively(communicator, [&] {
    return parse_design(text, command.design_file.string(), command.design_file.parent_path(), options.list("set"));
  });
}

// What becomes of a run that an earlier session has left.
enum class Fate { compute, keep_complete, keep_failed };

Fate fate_of(const Run& run, const EnsembleDesign& design, std::int64_t number, const std::filesystem::path& file) {
  const bool overwrite = run.options().flag("overwrite");
  const auto status = run_status(file);
  if (status == RunStatus::missing || (overwrite && !run.resume())) return Fate::compute;
  if (status == RunStatus::failed) {
    const bool other_design = read_failure(file).identity != run_identity(design, number);
    return run.options().flag("retry-failed") || (overwrite && other_design) ? Fate::compute : Fate::keep_failed;
  }
  return overwrite && !is_run_of(file, run_configuration(design, number)) ? Fate::compute : Fate::keep_complete;
}

// The runs of this slice that are to be computed; judged by rank 0 before anything starts. Runs at which the program
// died before come last, so that the others do not suffer if it dies again.
std::vector<std::int64_t> pending_runs(const Run& run, const EnsembleDesign& design, const EnsembleCommand& command) {
  const auto& communicator = run.communicator();
  std::vector<std::int64_t> pending;
  std::vector<std::int64_t> suspect;
  std::int64_t complete = 0;
  std::int64_t failed = 0;
  on_root(communicator, [&] {
    for (std::int64_t number = command.slice.index; number < design.run_count(); number += command.slice.count) {
      const auto file = run_file(command.runs_folder, design, number);
      const auto fate = fate_of(run, design, number, file);
      if (fate == Fate::compute) {
        (read_start(file).starts > 0 ? suspect : pending).push_back(number);
        continue;
      }
      if (!run.resume()) {
        throw input_error(
            "{} holds runs of an ensemble already ({}): continue with --resume, or compute them anew with "
            "--overwrite",
            command.runs_folder.string(), file.string());
      }
      ++(fate == Fate::keep_complete ? complete : failed);
    }
    pending.insert(pending.end(), suspect.begin(), suspect.end());
  });
  communicator.broadcast_vector(pending);
  if (complete > 0) run.log().information("{} runs are complete already", complete);
  if (failed > 0) {
    run.log().warning("{} runs failed in an earlier session and are left alone: --retry-failed tries them again",
                      failed);
  }
  return pending;
}

void make_run_folders(const Communicator& communicator, const EnsembleDesign& design, const EnsembleCommand& command) {
  on_root(communicator, [&] {
    for (std::size_t group = 0; group < design.groups.size(); ++group) {
      const auto folder = run_file(command.runs_folder, design, static_cast<std::int64_t>(group)).parent_path();
      std::error_code error;
      std::filesystem::create_directories(folder, error);
      if (error) {
        throw input_error("{} cannot be made ({}): give --runs a folder that can be written", folder.string(),
                          error.message());
      }
    }
  });
}

// Notes that a run begins; true where it may go on from the checkpoint beside it. Throws Failure where the program has
// died at this run too often. Collective over the group.
bool begin_run(const Communicator& group, const Run& run, const EnsembleDesign& design, std::int64_t number,
               const std::filesystem::path& file) {
  bool resume = false;
  on_root(group, [&] {
    auto record = read_start(file);
    const auto identity = run_identity(design, number);
    const bool same = record.identity == identity;
    if (!same || (run.options().flag("overwrite") && !run.resume())) record = {identity, 0};
    if (record.starts >= most_deaths) {
      remove_start(file);
      throw failure(
          "the program ended {} times while it computed this run, without a word (killed, or out of memory?): give the "
          "job more memory, then --retry-failed",
          record.starts);
    }
    // A checkpoint of another design is started over; one without a record is judged by the run itself.
    resume = run.resume() && (same || read_start(file).identity.empty());
    ++record.starts;
    write_start(file, record);
  });
  return group.broadcast(resume);
}

void end_run(const Communicator& group, const EnsembleDesign& design, std::int64_t number,
             const std::filesystem::path& file, bool stopped, const std::string& reason) {
  on_root(group, [&] {
    if (stopped) {
      write_start(file, {run_identity(design, number), 0});
      return;
    }
    if (!reason.empty()) {
      write_failure(file, {run_identity(design, number), reason});
    } else {
      remove_failure(file);
    }
    remove_start(file);
  });
}

// How the ranks spent a session.
struct Session {
  bool stopped = false;        // at a checkpoint
  double wall_time_s = 0.0;    // from the first item to the end of the last
  double busy_fraction = 1.0;  // of all ranks' time in it: computing runs
};

// Pulls runs until none is left. Collective.
Session compute_runs(Run& run, const EnsembleDesign& design, const EnsembleCommand& command,
                     const std::vector<PreparedGroup>& prepared, const std::vector<std::int64_t>& pending) {
  using Clock = std::chrono::steady_clock;
  const auto seconds_since = [](Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  const auto& communicator = run.communicator();
  WorkQueue queue(communicator, command.ranks_per_run, static_cast<std::int64_t>(pending.size()));
  // One object for all runs of this rank, so that the wall limit counts from the start; its steps count on.
  CheckpointSignals signals(queue.group(), run.options());
  std::int64_t step = 0;
  bool stopped = false;
  Progress progress(run.log(), "runs", static_cast<double>(pending.size()), "runs");
  const auto request = [&](std::int64_t) {
    queue.serve();
    const auto asked = signals.poll(step++);
    if (asked == CheckpointRequest::write_and_stop) stopped = true;
    return asked;
  };
  const auto session_start = Clock::now();
  double busy_s = 0.0;
  while (const auto item = queue.next(stopped)) {
    const auto run_start = Clock::now();
    const auto number = pending[static_cast<std::size_t>(*item)];
    const auto file = run_file(command.runs_folder, design, number);
    std::string reason;
    bool stopped_here = false;
    try {
      const auto timing = run.timers().time("runs");
      const bool resume = begin_run(queue.group(), run, design, number, file);
      execute_run(queue.group(), design, prepared, number, file, resume, run.options().resolved(), request);
    } catch (const Error& error) {
      // A stop is no failure: the run waits at its checkpoint.
      stopped_here = error.exit_code() == ExitCode::stopped_at_checkpoint;
      if (!stopped_here) reason = error.what();
      stopped = stopped || stopped_here;
    } catch (const std::exception& error) {
      // Where several ranks compute the run, the others may not know of it: then the program must end.
      if (queue.group().size() > 1) throw;
      reason = error.what();
    }
    end_run(queue.group(), design, number, file, stopped_here, reason);
    if (!reason.empty()) {
      run.log().warning("group '{}', seed {} failed: {}", design.group_of(number).name, design.seed_of(number), reason);
    }
    progress.update(static_cast<double>(*item + 1));
    busy_s += seconds_since(run_start);
  }
  Session session;
  {
    const auto timing = run.timers().time("waiting for the other groups");
    queue.finish();
  }
  session.wall_time_s = communicator.max(seconds_since(session_start));
  session.busy_fraction = communicator.sum(busy_s) / (session.wall_time_s * communicator.size());
  session.stopped = communicator.any(stopped);
  return session;
}

void summarise(Run& run, const EnsembleDesign& design, const Collection& collection) {
  auto& summary = run.summary();
  std::int64_t counts[3] = {0, 0, 0};
  for (const auto& row : collection.runs) ++counts[static_cast<int>(row.status)];
  summary.set("runs", design.run_count(), "1", "runs of the design");
  summary.set("complete_runs", counts[0], "1", "complete");
  summary.set("failed_runs", counts[1], "1", "failed: /runs/reason says why");
  summary.set("missing_runs", counts[2], "1", "not computed yet");
  for (std::size_t group = 0; group < design.groups.size(); ++group) {
    const auto& name = design.groups[group].name;
    for (std::size_t quantity = 0; quantity < 2; ++quantity) {
      const auto& values = collection.groups[group].quantities[quantity];
      if (values.values == 0) continue;
      const std::string unit = quantity == 0 ? "GPa" : "1";
      auto text = fmt::format("mean of {} runs", values.values);
      if (values.values > 1) {
        text += fmt::format(", standard error {:.3g}, {:g} % interval {:.5g} to {:.5g}", values.standard_error,
                            100 * design.confidence, values.interval_low, values.interval_high);
      }
      if (std::isfinite(values.p_value))
        text += fmt::format(", p = {:.3g} against {}", values.p_value, design.reference);
      summary.set(fmt::format("{}_{}", name, quantity_names[quantity]), values.mean, unit, text);
    }
  }
}

void collect(Run& run, const EnsembleDesign& design, const EnsembleCommand& command, AtomicOutput& output) {
  const auto timing = run.timers().time("collecting");
  const auto collection = collect_runs(run.communicator(), design, command.runs_folder);
  const bool any_complete = std::any_of(collection.runs.begin(), collection.runs.end(),
                                        [](const RunRow& row) { return row.status == RunStatus::complete; });
  if (!any_complete) {
    const auto with_reason = std::find_if(collection.runs.begin(), collection.runs.end(),
                                          [](const RunRow& row) { return !row.reason.empty(); });
    throw failure("none of the {} runs in {} is complete{}: nothing can be collected; run the ensemble first",
                  design.run_count(), command.runs_folder.string(),
                  with_reason == collection.runs.end() ? "" : " (the first failure: " + with_reason->reason + ")");
  }
  for (std::size_t number = 0; number < collection.runs.size(); ++number) {
    const auto& row = collection.runs[number];
    if (row.status == RunStatus::complete) continue;
    run.log().warning("group '{}', seed {} is {}{}", design.group_of(static_cast<std::int64_t>(number)).name,
                      design.seed_of(static_cast<std::int64_t>(number)), status_name(row.status),
                      row.reason.empty() ? "" : ": " + row.reason);
  }
  write_collection(run.communicator(), output.temporary_path(), design, command.runs_folder, collection,
                   run.provenance());
  output.commit();
  summarise(run, design, collection);
}

}  // namespace

Slice parse_slice(const std::string& text) {
  Slice slice;
  const auto stroke = text.find('/');
  const auto number = [&](const std::string& word) {
    std::int64_t value = -1;
    const char* last = word.data() + word.size();
    const auto [end, error] = std::from_chars(word.data(), last, value);
    return error == std::errc{} && end == last ? value : -1;
  };
  if (stroke != std::string::npos) {
    slice.index = number(text.substr(0, stroke));
    slice.count = number(text.substr(stroke + 1));
  }
  if (stroke == std::string::npos || slice.count < 1 || slice.index < 0 || slice.index >= slice.count) {
    throw input_error(
        "--slice '{}' is not i/n with i from 0 to n - 1: an array job's is "
        "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT with an array that begins at 0",
        text);
  }
  return slice;
}

ProgramInformation ensemble_program_information() {
  return {"mg-ensemble",
          "many deformation runs and what they say together",
          "'run DESIGN' computes every run of a design file (groups times seeds): the ranks form groups that pull runs "
          "from one queue, so that none is idle while runs are left. A run that fails is recorded with its reason and "
          "does not stop the rest; with --resume complete runs are never repeated and runs stopped at a checkpoint go "
          "on; --resume with --overwrite replaces those that were made with other options. When all are done (and this "
          "is not a slice) the results are collected. 'collect DESIGN' only collects "
          "what is there into ensemble.h5: curves on one strain grid, and for each group means, confidence intervals, "
          "effect sizes and p-values against the reference group.",
          {"mg-ensemble run inputs/demo.design --output demo.ensemble.h5",
           "mpirun -n 16 mg-ensemble run glass.design --ranks-per-run 4 --output glass.ensemble.h5 --resume",
           "mg-ensemble run glass.design --output glass.ensemble.h5 --resume "
           "--slice $SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT",
           "mg-ensemble collect glass.design --output glass.ensemble.h5"}};
}

OptionTable ensemble_program_options() {
  OptionTable table;
  table.group("Ensemble");
  table.list("action").positional().required().text("'run DESIGN' or 'collect DESIGN'.");
  table.text("output", "ensemble.h5").text("Where the results are collected.");
  table.text("runs").text(
      "Folder of the single runs; by default the output's name with .runs in place of its extension.");
  table.integer("ranks-per-run", 1)
      .range(1, 1e6)
      .text("MPI ranks that compute one run together; a run's result does not depend on it.");
  table.text("slice", "0/1")
      .text("Compute only slice i of n (i from 0), and do not collect: for array jobs that share the runs folder.");
  table.flag("retry-failed").text("With --resume: compute failed runs again.");
  table.list("set").text("A line 'name = value' that wins over the design file's, for all groups; repeatable.");
  add_checkpoint_options(table);
  return table;
}

void run_ensemble_program(Run& run) {
  const auto& communicator = run.communicator();
  const auto command = collectively(communicator, [&] { return parse_command(run.options(), communicator.size()); });
  auto design = read_design(communicator, command, run.options());
  identify_inputs(communicator, design);
  const bool collects = command.action == Action::collect || command.slice.whole();
  on_root(communicator, [&] { run.provenance().add_input(command.design_file); });
  run.plan(
      "{} groups ({}) times {} seeds: {} runs in {}", design.groups.size(),
      [&] {
        std::string names;
        for (const auto& group : design.groups) names += (names.empty() ? "" : ", ") + group.name;
        return names;
      }(),
      design.seeds.size(), design.run_count(), command.runs_folder.string());

  if (command.action == Action::run) {
    const auto prepared = prepare_groups(communicator, design, command.ranks_per_run);
    const auto pending = pending_runs(run, design, command);
    double memory = 0.0;
    double output_bytes = 0.0;
    for (const auto& group : prepared) {
      memory = std::max(memory, group.memory_per_rank_bytes);
      output_bytes += group.output_bytes * static_cast<double>(design.seeds.size());
    }
    run.plan("{} runs to compute in this session by {} groups of {} ranks; {} a rank, about {} on disk for all runs",
             pending.size(), (communicator.size() + command.ranks_per_run - 1) / command.ranks_per_run,
             command.ranks_per_run, bytes_text(memory), bytes_text(output_bytes));
    if (run.dry_run()) return;
    // A finished ensemble that is asked for again is collected again only where its file is missing or to be replaced:
    // the same runs can be collected in another way.
    if (pending.empty() && collects && !run.options().flag("overwrite") && run.already_complete(command.output)) return;
    std::optional<AtomicOutput> output;
    if (collects) {
      output.emplace(communicator, command.output, run.resume() ? IfExists::overwrite : run.if_exists());
    }
    make_run_folders(communicator, design, command);
    const auto session = compute_runs(run, design, command, prepared, pending);
    if (session.stopped) throw stopped_at_checkpoint(command.runs_folder);
    run.summary().set("session_runs", static_cast<std::int64_t>(pending.size()), "1", "runs computed in this session");
    run.summary().set("session_wall_time", session.wall_time_s, "s", "time of this session's runs");
    run.summary().set("session_busy_fraction", session.busy_fraction, "1",
                      "of the ranks' time in this session: computing runs");
    if (collects) collect(run, design, command, *output);
    return;
  }
  if (run.dry_run()) return;
  AtomicOutput output(communicator, command.output, run.if_exists());
  collect(run, design, command, output);
}

}  // namespace mesoglass::ensemble
