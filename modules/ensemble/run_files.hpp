// Where the runs of an ensemble are, and what has become of them.
#pragma once

#include <filesystem>
#include <string>

#include "core/communicator.hpp"

#include "ensemble/ensemble_design.hpp"

namespace mesoglass::ensemble {

enum class RunStatus { complete, failed, missing };
[[nodiscard]] const char* status_name(RunStatus status) noexcept;  // "complete", "failed", "missing"

// RUNS/GROUP/seed-NNN.h5. Letters that file systems or shells may dislike become '_', with a hash of the true name
// added so that two groups never share a folder. Pure.
[[nodiscard]] std::filesystem::path run_file(const std::filesystem::path& runs_folder, const EnsembleDesign& design,
                                             std::int64_t run);

// Complete where the run's file is there (files appear whole), failed where its failure record is. This rank only.
[[nodiscard]] RunStatus run_status(const std::filesystem::path& file);

// Everything that decides a run's numbers, as text: kept in its provenance, and compared when it is met again. Files
// stand there by their content, not by where they are. Pure; wants design.inputs identified.
[[nodiscard]] std::string run_configuration(const EnsembleDesign& design, std::int64_t run);
// Sixteen hexadecimal digits of it.
[[nodiscard]] std::string run_identity(const EnsembleDesign& design, std::int64_t run);

// Reads the files that the groups name (catalog-file, and files among mg-catalog's options) and keeps a hash of each in
// the design. Throws InputError. Collective.
void identify_inputs(const Communicator& communicator, EnsembleDesign& design);

// Beside the run's file: why it failed, and which run that was (run_identity). This rank only; write_failure throws
// Failure where the disk refuses.
struct FailureRecord {
  std::string identity;  // "" where the record does not say
  std::string reason;
};
void write_failure(const std::filesystem::path& file, const FailureRecord& record);
void remove_failure(const std::filesystem::path& file);
[[nodiscard]] FailureRecord read_failure(const std::filesystem::path& file);

// Beside the run's file while it is computed, and after a stop at a checkpoint: which run the checkpoint belongs to and
// how often it was begun without coming to an end or a checkpoint that was asked for. This rank only.
struct StartRecord {
  std::string identity;
  int starts = 0;
};
void write_start(const std::filesystem::path& file, const StartRecord& record);
void remove_start(const std::filesystem::path& file);
[[nodiscard]] StartRecord read_start(const std::filesystem::path& file);  // empty where there is none

// True where the complete run in `file` was made with this configuration. This rank only.
[[nodiscard]] bool is_run_of(const std::filesystem::path& file, const std::string& configuration);

}  // namespace mesoglass::ensemble
