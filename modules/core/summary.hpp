// The headline numbers of a run with units: shown at the end, and written by --summary as JSON.
#pragma once

#include <nlohmann/json.hpp>

#include <filesystem>
#include <string>

namespace mesoglass {

// Names are the same in every program (snake_case words). A number's entry is {"value": 2.1, "unit": "GPa", "text":
// "..."}.
class Summary {
 public:
  template <typename T>
  void set(const std::string& name, const T& value, const std::string& unit, const std::string& text) {
    entries_[name] = {{"value", value}, {"unit", unit}, {"text", text}};
  }
  [[nodiscard]] const nlohmann::ordered_json& entries() const noexcept { return entries_; }
  // Lines for a person.
  [[nodiscard]] std::string text() const;
  // Whole or not at all; this rank only.
  void write(const std::filesystem::path& path, const std::string& program) const;

 private:
  nlohmann::ordered_json entries_ = nlohmann::ordered_json::object();
};

}  // namespace mesoglass
