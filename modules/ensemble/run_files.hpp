// Where the runs of an ensemble are, and what has become of them.
#pragma once

#include <filesystem>
#include <string>

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

// Beside the run's file: why it failed. This rank only; write_failure throws Failure where the disk refuses.
void write_failure(const std::filesystem::path& file, const std::string& reason);
void remove_failure(const std::filesystem::path& file);
[[nodiscard]] std::string read_failure(const std::filesystem::path& file);

// Everything that decides a run's numbers, as text: kept in its provenance, and compared when it is met again.
[[nodiscard]] std::string run_configuration(const EnsembleDesign& design, std::int64_t run);

}  // namespace mesoglass::ensemble
