// Output files that appear whole or not at all.
#pragma once

#include <filesystem>
#include <string>

#include "core/communicator.hpp"

namespace mesoglass {

enum class IfExists { refuse, overwrite };

// Reserves an output: checks that the folder is there and writable and that an existing file may be replaced, before
// anything is computed. Write to temporary_path() (same folder, "NAME.partial"), then commit(): flushed to disk and
// renamed. Without commit the temporary file is removed.
class AtomicOutput {
 public:
  // Collective. Throws InputError (exists, no folder, not writable) on every rank.
  AtomicOutput(const Communicator& communicator, std::filesystem::path final_path, IfExists if_exists);
  ~AtomicOutput();
  AtomicOutput(const AtomicOutput&) = delete;
  AtomicOutput& operator=(const AtomicOutput&) = delete;

  [[nodiscard]] const std::filesystem::path& temporary_path() const noexcept { return temporary_path_; }
  [[nodiscard]] const std::filesystem::path& final_path() const noexcept { return final_path_; }

  // Collective. Every rank must have closed the file.
  void commit();

 private:
  const Communicator& communicator_;
  std::filesystem::path final_path_;
  std::filesystem::path temporary_path_;
  bool committed_ = false;
};

// Writes a small text file whole or not at all; this rank only. Throws Failure.
void write_text_file(const std::filesystem::path& path, const std::string& text);

// The content of a small text file; this rank only. Throws InputError where it cannot be read.
[[nodiscard]] std::string read_text_file(const std::filesystem::path& path);

}  // namespace mesoglass
