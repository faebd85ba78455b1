#include "diffraction/emd_arrays.hpp"

namespace mesoglass::diffraction {

Axis linear_axis(const std::string& name, const std::string& unit, std::size_t count, double step, double first) {
  Axis axis{name, unit, std::vector<double>(count)};
  for (std::size_t i = 0; i < count; ++i) axis.values[i] = first + step * static_cast<double>(i);
  return axis;
}

template <typename T>
void write_array(Hdf5File& file, const std::string& group, const std::vector<Axis>& axes, std::span<const T> values,
                 const std::string& unit, const std::string& description) {
  file.create_group(group);
  file.set_attribute(group, "emd_group_type", "array");
  file.set_attribute(group, "python_class", "Array");
  Shape shape;
  for (const Axis& axis : axes) shape.push_back(axis.values.size());
  file.write(group + "/data", shape, values, unit, description);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const std::string name = group + "/dim" + std::to_string(i);
    file.write(name, axes[i].values, axes[i].unit, "axis " + std::to_string(i) + ": " + axes[i].name);
    file.set_attribute(name, "name", axes[i].name);
  }
}

template void write_array(Hdf5File&, const std::string&, const std::vector<Axis>&, std::span<const double>,
                          const std::string&, const std::string&);
template void write_array(Hdf5File&, const std::string&, const std::vector<Axis>&, std::span<const float>,
                          const std::string&, const std::string&);
template void write_array(Hdf5File&, const std::string&, const std::vector<Axis>&, std::span<const std::int64_t>,
                          const std::string&, const std::string&);

void make_node(Hdf5File& file, const std::string& group) {
  file.create_group(group);
  file.set_attribute(group, "emd_group_type", "node");
  file.set_attribute(group, "python_class", "Node");
}

}  // namespace mesoglass::diffraction
