// One table holds every option of a program with name, unit, default, range and text; the command line, configuration
// files, --help, --dump-config and the manual page all come from it.
#pragma once

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace mesoglass {

// monostate = not set and without default. A list is an option that may be repeated.
using OptionValue = std::variant<std::monostate, bool, std::int64_t, double, std::string, std::vector<std::string>>;

enum class OptionType { flag, integer, real, text, list };

// One row of the table; the setters return the row, so that a declaration reads as one sentence.
class Option {
 public:
  Option(std::string group, std::string name, OptionType type, OptionValue default_value)
      : group_(std::move(group)), name_(std::move(name)), type_(type), default_value_(std::move(default_value)) {}

  Option& text(std::string description) {
    description_ = std::move(description);
    return *this;
  }
  Option& unit(std::string unit_name) {
    unit_ = std::move(unit_name);
    return *this;
  }
  // Both ends allowed; for an integer or real.
  Option& range(double lowest, double highest) {
    lowest_ = lowest;
    highest_ = highest;
    return *this;
  }
  // Allowed values of a text.
  Option& choices(std::vector<std::string> values) {
    choices_ = std::move(values);
    return *this;
  }
  // The program stops with an error where it is not given.
  Option& required() {
    required_ = true;
    return *this;
  }
  // Taken from the words on the command line that stand without a name.
  Option& positional() {
    positional_ = true;
    return *this;
  }

  [[nodiscard]] const std::string& group() const noexcept { return group_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] OptionType type() const noexcept { return type_; }
  [[nodiscard]] const OptionValue& default_value() const noexcept { return default_value_; }
  [[nodiscard]] const std::string& description() const noexcept { return description_; }
  [[nodiscard]] const std::string& unit() const noexcept { return unit_; }
  [[nodiscard]] double lowest() const noexcept { return lowest_; }
  [[nodiscard]] double highest() const noexcept { return highest_; }
  [[nodiscard]] const std::vector<std::string>& allowed() const noexcept { return choices_; }
  [[nodiscard]] bool is_required() const noexcept { return required_; }
  [[nodiscard]] bool is_positional() const noexcept { return positional_; }

  // "1 to 4096", "summer | winter", "any number": what the error and the help name as allowed.
  [[nodiscard]] std::string allowed_text() const;
  // The value of a text as typed; throws InputError naming option, value, range and remedy.
  [[nodiscard]] OptionValue parse(const std::string& typed, const std::string& origin) const;

 private:
  std::string group_;
  std::string name_;
  OptionType type_;
  OptionValue default_value_;
  std::string description_;
  std::string unit_;
  double lowest_ = -std::numeric_limits<double>::infinity();
  double highest_ = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices_;
  bool required_ = false;
  bool positional_ = false;
};

// Values after parsing. Asking for a name that is not in the table, or by the wrong type, is a programming error
// (std::logic_error).
class Options {
 public:
  // True where the option has a value, given or default.
  [[nodiscard]] bool has(std::string_view name) const;
  // True where the user gave it on the command line or in a file.
  [[nodiscard]] bool given(std::string_view name) const;
  [[nodiscard]] bool flag(std::string_view name) const { return get<bool>(name); }
  [[nodiscard]] std::int64_t integer(std::string_view name) const { return get<std::int64_t>(name); }
  [[nodiscard]] double real(std::string_view name) const { return get<double>(name); }
  [[nodiscard]] const std::string& text(std::string_view name) const { return get<std::string>(name); }
  [[nodiscard]] const std::vector<std::string>& list(std::string_view name) const {
    return get<std::vector<std::string>>(name);
  }
  // Every option that has a value, as "name = value" lines in table order: the resolved configuration.
  [[nodiscard]] const std::string& resolved() const noexcept { return resolved_; }

 private:
  friend class OptionTable;
  template <typename T>
  [[nodiscard]] const T& get(std::string_view name) const;
  std::map<std::string, OptionValue, std::less<>> values_;
  std::set<std::string, std::less<>> given_;
  std::string resolved_;
};

extern template const bool& Options::get<bool>(std::string_view) const;
extern template const std::int64_t& Options::get<std::int64_t>(std::string_view) const;
extern template const double& Options::get<double>(std::string_view) const;
extern template const std::string& Options::get<std::string>(std::string_view) const;
extern template const std::vector<std::string>& Options::get<std::vector<std::string>>(std::string_view) const;

struct ProgramInformation {
  std::string name;         // "mg-phantom"
  std::string purpose;      // one line
  std::string description;  // a paragraph that teaches; shown by --help and in the manual
  std::vector<std::string> examples;
};

// A configuration file's name and content.
struct ConfigurationText {
  std::string name;
  std::string content;
};

class OptionTable {
 public:
  // Options declared from here on stand under this heading in the help.
  OptionTable& group(std::string name) {
    current_group_ = std::move(name);
    return *this;
  }

  // Declarations without a default value make an option that is unset unless given.
  Option& flag(std::string name) { return add(std::move(name), OptionType::flag, false); }
  Option& integer(std::string name, std::int64_t default_value) {
    return add(std::move(name), OptionType::integer, default_value);
  }
  Option& integer(std::string name) { return add(std::move(name), OptionType::integer, std::monostate{}); }
  Option& real(std::string name, double default_value) { return add(std::move(name), OptionType::real, default_value); }
  Option& real(std::string name) { return add(std::move(name), OptionType::real, std::monostate{}); }
  Option& text(std::string name, std::string default_value) {
    return add(std::move(name), OptionType::text, std::move(default_value));
  }
  Option& text(std::string name) { return add(std::move(name), OptionType::text, std::monostate{}); }
  Option& list(std::string name) { return add(std::move(name), OptionType::list, std::vector<std::string>{}); }

  // Command line first, then each configuration file in order (later files win over earlier ones, the command line
  // over all); then defaults, ranges and required options. Throws InputError.
  [[nodiscard]] Options parse(const std::vector<std::string>& arguments,
                              const std::vector<ConfigurationText>& files) const;
  // As parse, but nothing is required and `resolved` stays empty: whether names and values are well formed.
  Options judge(const std::vector<std::string>& arguments, const std::vector<ConfigurationText>& files) const;

  [[nodiscard]] std::string help(const ProgramInformation& program) const;
  [[nodiscard]] std::string manual(const ProgramInformation& program) const;  // roff, man(7)
  [[nodiscard]] std::string configuration(const ProgramInformation& program) const;
  [[nodiscard]] const std::deque<Option>& rows() const noexcept { return rows_; }

 private:
  Option& add(std::string name, OptionType type, OptionValue default_value);
  [[nodiscard]] const Option& find(const std::string& name, const std::string& origin) const;

  std::string current_group_ = "Options";
  std::deque<Option> rows_;
};

// The candidate with the smallest edit distance to `word`, or empty where none is near. Pure.
[[nodiscard]] std::string nearest_name(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace mesoglass
