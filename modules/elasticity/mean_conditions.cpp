#include "elasticity/mean_conditions.hpp"

#include <fmt/ranges.h>

#include <Eigen/Dense>
#include <cmath>
#include <cstddef>
#include <cstdlib>

#include "core/error.hpp"

namespace mesoglass::elasticity {

namespace {

void add_conditions(const std::vector<std::string>& texts, bool is_stress, Body body, MeanConditions& conditions,
                    std::array<std::string, tensor_components>& given) {
  const char* option = is_stress ? "--mean-stress" : "--mean-strain";
  for (const std::string& text : texts) {
    const auto equals = text.find('=');
    const std::string name = text.substr(0, equals);
    std::size_t component = 0;
    while (component < tensor_components && name != component_names[component]) ++component;
    if (equals == std::string::npos || component == tensor_components) {
      throw input_error("{} {} names no component: write COMPONENT=VALUE with COMPONENT one of {}", option, text,
                        fmt::join(component_names, ", "));
    }
    const std::string number = text.substr(equals + 1);
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (number.empty() || *end != '\0' || !std::isfinite(value)) {
      throw input_error("{} {}: \"{}\" is not a finite number", option, text, number);
    }
    if (dimensions_of(body) == 2 && (component == zz || component == yz || component == xz)) {
      throw input_error("{} {}: a {} body has no component {} to prescribe: take --body solid, or leave it out", option,
                        text, body_name(body), name);
    }
    if (!given[component].empty()) {
      throw input_error(
          "component {} is prescribed twice ({} and {} {}): each component takes one mean strain or one "
          "mean stress",
          name, given[component], option, text);
    }
    given[component] = std::string(option) + " " + text;
    conditions.is_stress[component] = is_stress;
    conditions.value[component] = value;
  }
}

}  // namespace

MeanConditions parse_mean_conditions(const std::vector<std::string>& mean_strain,
                                     const std::vector<std::string>& mean_stress, Body body) {
  MeanConditions conditions;
  std::array<std::string, tensor_components> given;
  add_conditions(mean_strain, false, body, conditions, given);
  add_conditions(mean_stress, true, body, conditions, given);
  return conditions;
}

Tensor stress_of(const IsotropicModuli& moduli, const Tensor& elastic_strain) noexcept {
  const bool solid = moduli.dimensions == 3;
  const double pressure =
      moduli.lambda_gpa * (elastic_strain[xx] + elastic_strain[yy] + (solid ? elastic_strain[zz] : 0.0));
  Tensor stress;
  for (std::size_t component = 0; component < tensor_components; ++component) {
    stress[component] = 2.0 * moduli.shear_gpa * elastic_strain[component];
  }
  stress[xx] += pressure;
  stress[yy] += pressure;
  if (solid) stress[zz] += pressure;
  return stress;
}

Tensor elastic_strain_of(const IsotropicModuli& moduli, const Tensor& stress) noexcept {
  const bool solid = moduli.dimensions == 3;
  const double two_mu = 2.0 * moduli.shear_gpa;
  const double trace = stress[xx] + stress[yy] + (solid ? stress[zz] : 0.0);
  const double volumetric = moduli.lambda_gpa * trace / (two_mu * (two_mu + moduli.dimensions * moduli.lambda_gpa));
  Tensor strain;
  for (std::size_t component = 0; component < tensor_components; ++component) {
    strain[component] = stress[component] / two_mu;
  }
  strain[xx] -= volumetric;
  strain[yy] -= volumetric;
  if (solid) strain[zz] -= volumetric;
  return strain;
}

Means homogeneous_means(const IsotropicModuli& moduli, const MeanConditions& conditions,
                        const Tensor& mean_eigenstrain) {
  const bool solid = moduli.dimensions == 3;
  // Normal components couple through lambda; shears stand alone. sigma + C : eps* = C : eps, condition by condition.
  const Tensor locked = stress_of(moduli, mean_eigenstrain);
  Means means;
  means.eigenstrain = mean_eigenstrain;
  Eigen::Matrix<double, 6, 6> matrix = Eigen::Matrix<double, 6, 6>::Identity();
  Eigen::Matrix<double, 6, 1> right;
  for (int row = 0; row < tensor_components; ++row) {
    const auto component = static_cast<std::size_t>(row);
    if (!solid && (row == zz || row == yz || row == xz)) {
      right[row] = 0.0;
      continue;
    }
    right[row] = conditions.value[component];
    if (!conditions.is_stress[component]) continue;
    right[row] += locked[component];
    matrix(row, row) = 2.0 * moduli.shear_gpa;
    if (row > zz) continue;
    for (const int column : {xx, yy, zz}) {
      if (column != zz || solid) matrix(row, column) += moduli.lambda_gpa;
    }
  }
  const Eigen::Matrix<double, 6, 1> strain = matrix.partialPivLu().solve(right);
  Tensor elastic;
  for (std::size_t component = 0; component < tensor_components; ++component) {
    means.strain[component] = strain[static_cast<int>(component)];
    elastic[component] = means.strain[component] - mean_eigenstrain[component];
  }
  means.stress = stress_of(moduli, elastic);
  for (std::size_t component = 0; component < tensor_components; ++component) {
    // What is prescribed is reported as prescribed, free of round-off.
    auto& met = conditions.is_stress[component] ? means.stress : means.strain;
    if (solid || component == xx || component == yy || component == xy) met[component] = conditions.value[component];
  }
  return means;
}

}  // namespace mesoglass::elasticity
