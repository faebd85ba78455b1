// Arrays with axes and units as EMD 1.0 stores them: what py4DSTEM-style readers open.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/hdf5_file.hpp"

namespace mesoglass::diffraction {

struct Axis {
  std::string name;
  std::string unit;
  std::vector<double> values;
};

[[nodiscard]] Axis linear_axis(const std::string& name, const std::string& unit, std::size_t count, double step,
                               double first = 0.0);

// A group of the EMD 1.0 class Array: data, dim0, dim1, ... with names and units. T is double, float or int64.
// Collective.
template <typename T>
void write_array(Hdf5File& file, const std::string& group, const std::vector<Axis>& axes, std::span<const T> values,
                 const std::string& unit, const std::string& description);
inline void write_array(Hdf5File& file, const std::string& group, const std::vector<Axis>& axes,
                        const std::vector<double>& values, const std::string& unit, const std::string& description) {
  write_array<double>(file, group, axes, std::span<const double>(values), unit, description);
}

// A group of the EMD 1.0 class Node, which holds others. Collective.
void make_node(Hdf5File& file, const std::string& group);

}  // namespace mesoglass::diffraction
