#include "core/option_table.hpp"

#include <boost/program_options.hpp>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <numeric>
#include <sstream>
#include <stdexcept>

#include "core/error.hpp"

namespace mesoglass {

namespace {

namespace po = boost::program_options;

std::string number_text(double value) {
  return fmt::format("{}", value);
}

std::string value_text(const OptionValue& value) {
  struct Visitor {
    std::string operator()(std::monostate) const { return ""; }
    std::string operator()(bool flag) const { return flag ? "true" : "false"; }
    std::string operator()(std::int64_t number) const { return fmt::format("{}", number); }
    std::string operator()(double number) const { return number_text(number); }
    std::string operator()(const std::string& text) const { return text; }
    std::string operator()(const std::vector<std::string>& texts) const {
      return fmt::format("{}", fmt::join(texts, " "));
    }
  };
  return std::visit(Visitor{}, value);
}

const char* type_word(OptionType type) {
  switch (type) {
    case OptionType::flag:
      return "true|false";
    case OptionType::integer:
      return "INTEGER";
    case OptionType::real:
      return "NUMBER";
    case OptionType::text:
      return "TEXT";
    case OptionType::list:
      return "TEXT (repeatable)";
  }
  return "";
}

// Text broken at blanks to `width` columns, every line but the first indented.
std::string wrap(const std::string& text, std::size_t indent, std::size_t width = 100) {
  std::string result;
  std::size_t column = indent;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (column > indent && column + 1 + word.size() > width) {
      result += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (column > indent) {
      result += ' ';
      ++column;
    }
    result += word;
    column += word.size();
  }
  return result;
}

std::vector<std::string> groups_in_order(const std::deque<Option>& rows) {
  std::vector<std::string> groups;
  for (const auto& row : rows) {
    if (std::find(groups.begin(), groups.end(), row.group()) == groups.end()) groups.push_back(row.group());
  }
  return groups;
}

// "unit, range, default" in brackets, as help and manual show it.
std::string facts_of(const Option& row) {
  std::vector<std::string> facts;
  if (!row.unit().empty()) facts.push_back(row.unit());
  if (const auto allowed = row.allowed_text(); !allowed.empty()) facts.push_back(allowed);
  if (row.is_required()) facts.emplace_back("required");
  if (const auto shown = value_text(row.default_value()); !shown.empty() && row.type() != OptionType::flag) {
    facts.push_back("default " + shown);
  }
  return fmt::format("{}", fmt::join(facts, "; "));
}

}  // namespace

std::string Option::allowed_text() const {
  if (!choices_.empty()) return fmt::format("{}", fmt::join(choices_, " | "));
  const bool low = std::isfinite(lowest_);
  const bool high = std::isfinite(highest_);
  if (low && high) return fmt::format("{} to {}", number_text(lowest_), number_text(highest_));
  if (low) return fmt::format("at least {}", number_text(lowest_));
  if (high) return fmt::format("at most {}", number_text(highest_));
  return "";
}

OptionValue Option::parse(const std::string& typed, const std::string& origin) const {
  const auto refuse = [&](const std::string& why) {
    const auto allowed = allowed_text();
    return input_error("--{} = '{}' ({}) {}: {}{}", name_, typed, origin, why,
                       allowed.empty() ? std::string("expected ") + type_word(type_) : "allowed is " + allowed,
                       unit_.empty() ? "" : " in " + unit_);
  };
  const auto check_range = [&](double value) {
    if (!(value >= lowest_ && value <= highest_)) throw refuse("is out of range");
  };
  const char* first = typed.data();
  const char* last = first + typed.size();
  if (first != last && *first == '+') ++first;
  switch (type_) {
    case OptionType::flag:
      if (typed == "true" || typed == "yes" || typed == "on" || typed == "1") return true;
      if (typed == "false" || typed == "no" || typed == "off" || typed == "0") return false;
      throw refuse("is neither true nor false");
    case OptionType::integer: {
      std::int64_t value = 0;
      const auto [end, error] = std::from_chars(first, last, value);
      if (error != std::errc{} || end != last) {
        // 1e5 is a usual way to write a whole number.
        double real_value = 0.0;
        const auto [real_end, real_error] = std::from_chars(first, last, real_value);
        if (real_error != std::errc{} || real_end != last || std::floor(real_value) != real_value ||
            std::fabs(real_value) > 9e15) {
          throw refuse("is not a whole number");
        }
        value = static_cast<std::int64_t>(real_value);
      }
      check_range(static_cast<double>(value));
      return value;
    }
    case OptionType::real: {
      double value = 0.0;
      const auto [end, error] = std::from_chars(first, last, value);
      if (error != std::errc{} || end != last || !std::isfinite(value)) throw refuse("is not a finite number");
      check_range(value);
      return value;
    }
    case OptionType::text:
      if (!choices_.empty() && std::find(choices_.begin(), choices_.end(), typed) == choices_.end()) {
        const auto nearest = nearest_name(typed, choices_);
        throw refuse(nearest.empty() ? "is not a choice"
                                     : fmt::format("is not a choice, perhaps '{}' is meant", nearest));
      }
      return typed;
    case OptionType::list:
      return std::vector<std::string>{typed};
  }
  throw std::logic_error("unknown option type");
}

template <typename T>
const T& Options::get(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw std::logic_error(fmt::format("no option '{}' in the table", name));
  const T* value = std::get_if<T>(&found->second);
  if (value == nullptr) throw std::logic_error(fmt::format("option '{}' is unset or of another type", name));
  return *value;
}

template const bool& Options::get<bool>(std::string_view) const;
template const std::int64_t& Options::get<std::int64_t>(std::string_view) const;
template const double& Options::get<double>(std::string_view) const;
template const std::string& Options::get<std::string>(std::string_view) const;
template const std::vector<std::string>& Options::get<std::vector<std::string>>(std::string_view) const;

bool Options::has(std::string_view name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) throw std::logic_error(fmt::format("no option '{}' in the table", name));
  return !std::holds_alternative<std::monostate>(found->second);
}

bool Options::given(std::string_view name) const {
  return given_.contains(name);
}

Option& OptionTable::add(std::string name, OptionType type, OptionValue default_value) {
  for (const auto& row : rows_) {
    if (row.name() == name) throw std::logic_error("option declared twice: " + name);
  }
  return rows_.emplace_back(current_group_, std::move(name), type, std::move(default_value));
}

const Option& OptionTable::find(const std::string& name, const std::string& origin) const {
  for (const auto& row : rows_) {
    if (row.name() == name) return row;
  }
  std::vector<std::string> names;
  for (const auto& row : rows_) names.push_back(row.name());
  const auto nearest = nearest_name(name, names);
  throw input_error("unknown option '{}' ({}): {}--help lists them all", name, origin,
                    nearest.empty() ? "" : fmt::format("perhaps '{}' is meant; ", nearest));
}

Options OptionTable::judge(const std::vector<std::string>& arguments,
                           const std::vector<ConfigurationText>& files) const {
  // Boost does the lexing (quoting, "--name=value", "--name value", comments, sections); names and values are judged
  // here, so that both sources give the same messages.
  struct Typed {
    std::string name;
    std::vector<std::string> values;
    std::string origin;
  };
  std::vector<std::vector<Typed>> sources;  // strongest first
  std::string positional_name;
  po::options_description lexer;
  for (const auto& row : rows_) {
    if (row.is_positional()) positional_name = row.name();
    if (row.type() == OptionType::flag) {
      lexer.add_options()(row.name().c_str(), po::value<std::string>()->implicit_value("true", ""));
    } else {
      lexer.add_options()(row.name().c_str(), po::value<std::vector<std::string>>()->composing());
    }
  }

  std::vector<Typed> from_command_line;
  try {
    using style = po::command_line_style::style_t;
    // A value that follows as the next word may begin with a minus sign (--strain -0.1); Boost would refuse it, so
    // "--name value" is joined to "--name=value" first.
    std::vector<std::string> joined;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const auto& word = arguments[i];
      if (word.starts_with("--") && word.size() > 2 && word.find('=') == std::string::npos) {
        const auto& row = find(word.substr(2), "command line");
        if (row.type() != OptionType::flag) {
          if (i + 1 == arguments.size()) {
            throw input_error("--{} (command line) needs a value: give --{} {}", row.name(), row.name(),
                              type_word(row.type()));
          }
          joined.push_back(word + "=" + arguments[++i]);
          continue;
        }
        joined.push_back(word + "=true");  // or Boost would take the next word for the flag's value
        continue;
      }
      joined.push_back(word);
    }
    const auto parsed = po::command_line_parser(joined)
                            .options(lexer)
                            .style(style::allow_long | style::long_allow_adjacent)
                            .allow_unregistered()
                            .run();
    for (const auto& option : parsed.options) {
      if (option.position_key >= 0 || option.string_key.empty()) {
        for (const auto& word : option.value) {
          if (word.starts_with("-") && word.size() > 1) (void)find(word, "command line");
          if (positional_name.empty()) {
            throw input_error("'{}' (command line) is not an option of this program: options begin with --, see --help",
                              word);
          }
          from_command_line.push_back({positional_name, {word}, "command line"});
        }
        continue;
      }
      from_command_line.push_back({option.string_key, option.value, "command line"});
    }
  } catch (const po::error& caught) {
    throw input_error("command line: {}; --help lists every option", caught.what());
  }
  sources.push_back(std::move(from_command_line));

  for (auto file = files.rbegin(); file != files.rend(); ++file) {
    std::vector<Typed> from_file;
    try {
      std::istringstream stream(file->content);
      for (const auto& option : po::parse_config_file(stream, lexer, true).options) {
        from_file.push_back({option.string_key, option.value, file->name});
      }
    } catch (const po::error& caught) {
      throw input_error("{}: {}; a configuration file holds lines 'name = value' and comments after #", file->name,
                        caught.what());
    }
    sources.push_back(std::move(from_file));
  }

  Options options;
  for (const auto& row : rows_) options.values_[row.name()] = row.default_value();
  for (const auto& source : sources) {
    std::set<std::string> set_here;
    for (const auto& typed : source) {
      const auto& row = find(typed.name, typed.origin);
      if (row.type() == OptionType::list) {
        if (options.given_.contains(row.name()) && !set_here.contains(row.name())) continue;
        auto& values = options.values_[row.name()];
        if (!set_here.contains(row.name())) values = std::vector<std::string>{};
        auto& texts = std::get<std::vector<std::string>>(values);
        texts.insert(texts.end(), typed.values.begin(), typed.values.end());
      } else {
        const auto& text = typed.values.empty() ? std::string("true") : typed.values.back();
        const auto value = row.parse(text, typed.origin);  // judged even where a stronger source wins
        if (set_here.contains(row.name())) {
          throw input_error("--{} ({}) is given twice: keep one", row.name(), typed.origin);
        }
        if (options.given_.contains(row.name())) continue;
        options.values_[row.name()] = value;
      }
      set_here.insert(row.name());
    }
    options.given_.insert(set_here.begin(), set_here.end());
  }
  return options;
}

Options OptionTable::parse(const std::vector<std::string>& arguments,
                           const std::vector<ConfigurationText>& files) const {
  Options options = judge(arguments, files);
  for (const auto& row : rows_) {
    if (!row.is_required()) continue;
    const auto& value = options.values_[row.name()];
    const auto* texts = std::get_if<std::vector<std::string>>(&value);
    if (std::holds_alternative<std::monostate>(value) || (texts != nullptr && texts->empty())) {
      throw input_error("--{} is missing: {}", row.name(), row.description());
    }
  }
  for (const auto& row : rows_) {
    const auto& value = options.values_[row.name()];
    if (const auto* texts = std::get_if<std::vector<std::string>>(&value)) {
      for (const auto& text : *texts) options.resolved_ += fmt::format("{} = {}\n", row.name(), text);
    } else if (!std::holds_alternative<std::monostate>(value)) {
      options.resolved_ += fmt::format("{} = {}\n", row.name(), value_text(value));
    }
  }
  return options;
}

std::string OptionTable::help(const ProgramInformation& program) const {
  std::string positional;
  for (const auto& row : rows_) {
    if (row.is_positional()) positional = fmt::format(" {}", row.name());
  }
  std::string text =
      fmt::format("{} - {}\n\nUsage: {}{} [--option value ...]\n       mpirun -n P {}{} ...\n\n{}\n", program.name,
                  program.purpose, program.name, positional, program.name, positional, wrap(program.description, 0));
  for (const auto& group : groups_in_order(rows_)) {
    text += fmt::format("\n{}:\n", group);
    for (const auto& row : rows_) {
      if (row.group() != group) continue;
      const auto facts = facts_of(row);
      text += fmt::format("  --{}{}\n      {}{}\n", row.name(),
                          row.type() == OptionType::flag ? "" : fmt::format(" {}", type_word(row.type())),
                          wrap(row.description(), 6), facts.empty() ? "" : fmt::format("\n      [{}]", wrap(facts, 7)));
    }
  }
  if (!program.examples.empty()) {
    text += "\nExamples:\n";
    for (const auto& example : program.examples) text += fmt::format("  {}\n", example);
  }
  return text;
}

std::string OptionTable::manual(const ProgramInformation& program) const {
  // A line that begins with a dot or quote is a request to roff, a backslash an escape, a plain "-" a hyphen.
  const auto roff = [](const std::string& text) {
    std::string result;
    for (const char letter : text) {
      if (result.empty() && (letter == '.' || letter == '\'')) result += "\\&";
      if (letter == '\\')
        result += "\\e";
      else if (letter == '-')
        result += "\\-";
      else
        result += letter;
    }
    return result;
  };
  std::string upper = program.name;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::toupper(letter)); });
  std::string text = fmt::format(
      ".TH \"{}\" 1 \"\" \"mesoglass\" \"mesoglass manual\"\n.SH NAME\n{} \\- {}\n.SH SYNOPSIS\n.B {}\n"
      "[\\fI\\-\\-option\\fR \\fIvalue\\fR ...]\n.br\n.B mpirun \\-n\n\\fIP\\fR\n.B {}\n...\n.SH DESCRIPTION\n{}\n",
      upper, roff(program.name), roff(program.purpose), roff(program.name), roff(program.name),
      roff(program.description));
  for (const auto& group : groups_in_order(rows_)) {
    text += fmt::format(".SH \"{} OPTIONS\"\n", roff(group));
    for (const auto& row : rows_) {
      if (row.group() != group) continue;
      const auto facts = facts_of(row);
      text += fmt::format(".TP\n.B \\-\\-{}{}\n{}\n", roff(row.name()),
                          row.type() == OptionType::flag ? "" : fmt::format(" \\fI{}\\fR", roff(type_word(row.type()))),
                          roff(row.description()));
      if (!facts.empty()) text += fmt::format("[{}]\n", roff(facts));
    }
  }
  if (!program.examples.empty()) {
    text += ".SH EXAMPLES\n";
    for (const auto& example : program.examples) text += fmt::format(".nf\n{}\n.fi\n", roff(example));
  }
  text +=
      ".SH \"EXIT STATUS\"\n0 done; 1 failed; 2 bad usage or bad input; 75 stopped at a checkpoint, run again with "
      "\\-\\-resume.\n";
  return text;
}

std::string OptionTable::configuration(const ProgramInformation& program) const {
  std::string text = fmt::format("# {}: {}\n# Every option with its default; lines that begin with '#' are comments.\n",
                                 program.name, program.purpose);
  for (const auto& group : groups_in_order(rows_)) {
    text += fmt::format("\n# ---- {} ----\n", group);
    for (const auto& row : rows_) {
      if (row.group() != group) continue;
      const auto facts = facts_of(row);
      std::string comment = wrap(row.description(), 0, 110);
      for (std::size_t at = 0; (at = comment.find('\n', at)) != std::string::npos; at += 3)
        comment.replace(at, 1, "\n# ");
      text += fmt::format("\n# {}{}\n", comment, facts.empty() ? "" : fmt::format("\n# [{}]", facts));
      const auto value = value_text(row.default_value());
      text += value.empty() ? fmt::format("# {} =\n", row.name()) : fmt::format("{} = {}\n", row.name(), value);
    }
  }
  return text;
}

std::string nearest_name(const std::string& word, const std::vector<std::string>& candidates) {
  const auto distance = [](const std::string& a, const std::string& b) {
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
      std::size_t diagonal = row[0]++;
      for (std::size_t j = 1; j <= b.size(); ++j) {
        const std::size_t above = row[j];
        row[j] = std::min({row[j] + 1, row[j - 1] + 1, diagonal + (a[i - 1] == b[j - 1] ? 0U : 1U)});
        diagonal = above;
      }
    }
    return row.back();
  };
  std::string best;
  std::size_t best_distance = std::max<std::size_t>(2, word.size() / 2);
  for (const auto& candidate : candidates) {
    const auto d = candidate.starts_with(word) && word.size() >= 3 ? 1 : distance(word, candidate);
    if (d < best_distance || (d == best_distance && best.empty())) {
      best = candidate;
      best_distance = d;
    }
  }
  return best;
}

}  // namespace mesoglass
