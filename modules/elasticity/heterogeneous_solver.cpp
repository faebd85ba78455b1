#include "elasticity/heterogeneous_solver.hpp"

#include <Eigen/Dense>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <stdexcept>

namespace mesoglass::elasticity {

namespace {

double weight_of(std::size_t component) {
  return component >= yz ? 2.0 : 1.0;
}

bool exists(std::size_t component, int dimensions) {
  return dimensions == 3 || component == xx || component == yy || component == xy;
}

}  // namespace

IsotropicModuli checked_reference_medium(const Communicator& communicator, Body body,
                                         std::span<const double> lambda_gpa, std::span<const double> shear_gpa) {
  const int dimensions = dimensions_of(body);
  double highest_shear = 0.0;
  double lowest_shear = std::numeric_limits<double>::max();
  double highest_bulk = 0.0;
  double lowest_bulk = std::numeric_limits<double>::max();
  collectively(communicator, [&] {
    for (std::size_t voxel = 0; voxel < shear_gpa.size(); ++voxel) {
      const double shear = shear_gpa[voxel];
      const double bulk = IsotropicModuli{lambda_gpa[voxel], shear, dimensions}.bulk_gpa();
      const bool is_void = shear == 0.0 && lambda_gpa[voxel] == 0.0;
      if (!is_void && !(std::isfinite(bulk) && std::isfinite(shear) && shear > 0.0 && bulk > 0.0)) {
        throw input_error(
            "a voxel with shear modulus {} GPa and bulk modulus {} GPa is impossible: give positive, finite "
            "moduli, or zero for a void",
            shear, bulk);
      }
      highest_shear = std::max(highest_shear, shear);
      lowest_shear = std::min(lowest_shear, shear);
      highest_bulk = std::max(highest_bulk, bulk);
      lowest_bulk = std::min(lowest_bulk, bulk);
    }
  });
  const double shear = 0.5 * (communicator.max(highest_shear) + communicator.min(lowest_shear));
  const double bulk = 0.5 * (communicator.max(highest_bulk) + communicator.min(lowest_bulk));
  if (!(shear > 0.0)) {
    throw input_error(
        "every voxel is a void (Young's modulus 0 everywhere): nothing can carry stress; give at least one "
        "voxel a positive Young's modulus");
  }
  return {bulk - 2.0 * shear / dimensions, shear, dimensions};
}

HeterogeneousSolver::HeterogeneousSolver(const Communicator& communicator, const VoxelGrid& grid, Body body,
                                         std::span<const double> lambda_gpa, std::span<const double> shear_gpa)
    : communicator_(communicator),
      grid_(grid),
      body_(body),
      elements_(communicator, grid, body, lambda_gpa, shear_gpa),
      reference_(checked_reference_medium(communicator, body, lambda_gpa, shear_gpa)),
      green_(grid, reference_),
      transform_(communicator, grid),
      spectra_(static_cast<std::size_t>(elements_.matrices().freedoms()), ComplexBuffer(transform_.spectrum_size())),
      component_(elements_.own_voxel_count()),
      displacement_(elements_.own_unknowns()) {}

void HeterogeneousSolver::precondition(const Nodal& residual, Nodal& result) {
  const std::size_t freedoms = spectra_.size();
  const std::size_t nodes = component_.size();
  for (std::size_t axis = 0; axis < freedoms; ++axis) {
    for (std::size_t node = 0; node < nodes; ++node) component_[node] = residual[node * freedoms + axis];
    transform_.forward(component_, spectra_[axis]);
  }
  transform_.for_each_frequency([&](std::size_t index, std::int64_t x, std::int64_t y, std::int64_t z) {
    ComplexVector force{};
    for (std::size_t axis = 0; axis < freedoms; ++axis) force[axis] = spectra_[axis][index];
    const ComplexVector u = green_.displacement_of_force(x, y, z, force);
    for (std::size_t axis = 0; axis < freedoms; ++axis) spectra_[axis][index] = u[axis];
  });
  for (std::size_t axis = 0; axis < freedoms; ++axis) {
    transform_.backward(spectra_[axis], component_);
    for (std::size_t node = 0; node < nodes; ++node) result[node * freedoms + axis] = component_[node];
  }
}

// Inverse of the whole cell's stiffness to the free mean strains, if it were the reference medium.
Tensor HeterogeneousSolver::precondition(const Tensor& residual, const MeanConditions& conditions) const {
  const double volume = grid_.voxel_volume_nm3() * static_cast<double>(grid_.voxel_count());
  MeanConditions load;
  for (std::size_t c = 0; c < tensor_components; ++c) {
    load.is_stress[c] = conditions.is_stress[c];
    load.value[c] = conditions.is_stress[c] ? residual[c] / (volume * weight_of(c)) : 0.0;
  }
  return homogeneous_means(reference_, load, Tensor{}).strain;
}

SolveReport HeterogeneousSolver::solve(std::span<const Tensor> eigenstrain, const MeanConditions& conditions,
                                       const SolverSettings& settings, ElasticFields& fields) {
  const std::size_t voxels = elements_.own_voxel_count();
  if (eigenstrain.size() != voxels) throw std::logic_error("eigenstrain does not suit the grid");
  const int dimensions = dimensions_of(body_);
  const double total = static_cast<double>(grid_.voxel_count());
  const double voxel_volume = grid_.voxel_volume_nm3();
  const auto is_free = [&](std::size_t c) { return conditions.is_stress[c] && exists(c, dimensions); };
  for (std::size_t c = 0; c < tensor_components; ++c) {
    if (!conditions.is_stress[c] && exists(c, dimensions)) mean_strain_[c] = conditions.value[c];
    if (!exists(c, dimensions)) mean_strain_[c] = 0.0;
  }

  std::vector<Tensor> element(voxels);
  const auto dot_mean = [&](const Tensor& a, const Tensor& b) {
    double sum = 0.0;
    for (std::size_t c = 0; c < tensor_components; ++c) sum += is_free(c) ? a[c] * b[c] : 0.0;
    return sum;
  };
  // Generalised force on the mean strain: the cell's volume times its mean stress, each shear twice.
  const auto mean_force = [&](const Nodal& u, const Tensor& uniform, bool with_eigenstrain) {
    elements_.strain(u, element);
    for (std::size_t v = 0; v < voxels; ++v) {
      for (std::size_t c = 0; c < tensor_components; ++c) {
        element[v][c] += uniform[c] - (with_eigenstrain ? eigenstrain[v][c] : 0.0);
      }
      element[v] = stress_of(elements_.moduli(v), element[v]);
    }
    Tensor force = elements_.sum(element);
    for (std::size_t c = 0; c < tensor_components; ++c) force[c] *= voxel_volume * weight_of(c);
    return force;
  };
  const bool any_free = [&] {
    for (std::size_t c = 0; c < tensor_components; ++c) {
      if (is_free(c)) return true;
    }
    return false;
  }();

  for (std::size_t v = 0; v < voxels; ++v) element[v] = stress_of(elements_.moduli(v), eigenstrain[v]);
  const std::size_t unknowns = elements_.own_unknowns();
  Nodal load(unknowns), residual(unknowns), conditioned(unknowns), direction(unknowns), image(unknowns);
  elements_.assemble(element, load);
  Tensor mean_load = elements_.sum(element);
  for (std::size_t c = 0; c < tensor_components; ++c) {
    mean_load[c] = voxel_volume * weight_of(c) * (mean_load[c] + (is_free(c) ? conditions.value[c] * total : 0.0));
  }

  const auto residual_of = [&](const Nodal& u, const Tensor& uniform, Nodal& r, Tensor& r_mean) {
    elements_.apply(u, uniform, r);
    for (std::size_t i = 0; i < unknowns; ++i) r[i] = load[i] - r[i];
    r_mean = Tensor{};
    if (!any_free) return;
    const Tensor reached = mean_force(u, uniform, false);
    for (std::size_t c = 0; c < tensor_components; ++c) r_mean[c] = is_free(c) ? mean_load[c] - reached[c] : 0.0;
  };

  // The measure of the load: the residual's norm at rest (periodic displacement and free mean strains zero).
  Tensor residual_mean{};
  Tensor at_rest = mean_strain_;
  for (std::size_t c = 0; c < tensor_components; ++c) {
    if (is_free(c)) at_rest[c] = 0.0;
  }
  std::fill(direction.begin(), direction.end(), 0.0);
  residual_of(direction, at_rest, residual, residual_mean);
  precondition(residual, conditioned);
  Tensor conditioned_mean = precondition(residual_mean, conditions);
  const double scale =
      std::sqrt(std::max(0.0, elements_.dot(residual, conditioned) + dot_mean(residual_mean, conditioned_mean)));

  SolveReport report;
  if (scale > 0.0) {
    report.solves = 1;
    residual_of(displacement_, mean_strain_, residual, residual_mean);
    precondition(residual, conditioned);
    conditioned_mean = precondition(residual_mean, conditions);
    direction = conditioned;
    Tensor direction_mean = conditioned_mean;
    double product = elements_.dot(residual, conditioned) + dot_mean(residual_mean, conditioned_mean);
    for (;;) {
      report.residual = std::sqrt(std::max(0.0, product)) / scale;
      if (std::isnan(product)) report.residual = product;
      report.history.push_back(report.residual);
      if (report.residual <= settings.tolerance) break;
      if (!std::isfinite(report.residual) || report.iterations >= settings.maximum_iterations) {
        std::fill(displacement_.begin(), displacement_.end(), 0.0);
        throw_not_converged(report, settings,
                            "raise --iterations, or try --solver petsc; a very large contrast of moduli between "
                            "neighbouring voxels slows this solver down");
      }
      Tensor direction_free{};
      for (std::size_t c = 0; c < tensor_components; ++c) direction_free[c] = is_free(c) ? direction_mean[c] : 0.0;
      elements_.apply(direction, direction_free, image);
      const Tensor image_mean = any_free ? mean_force(direction, direction_free, false) : Tensor{};
      const double curvature = elements_.dot(direction, image) + dot_mean(direction_free, image_mean);
      const double step = product / curvature;
      for (std::size_t i = 0; i < unknowns; ++i) {
        displacement_[i] += step * direction[i];
        residual[i] -= step * image[i];
      }
      for (std::size_t c = 0; c < tensor_components; ++c) {
        if (!is_free(c)) continue;
        mean_strain_[c] += step * direction_mean[c];
        residual_mean[c] -= step * image_mean[c];
      }
      precondition(residual, conditioned);
      conditioned_mean = precondition(residual_mean, conditions);
      const double next = elements_.dot(residual, conditioned) + dot_mean(residual_mean, conditioned_mean);
      const double blend = next / product;
      product = next;
      for (std::size_t i = 0; i < unknowns; ++i) direction[i] = conditioned[i] + blend * direction[i];
      for (std::size_t c = 0; c < tensor_components; ++c) {
        direction_mean[c] = conditioned_mean[c] + blend * direction_mean[c];
      }
      ++report.iterations;
    }
  } else {
    std::fill(displacement_.begin(), displacement_.end(), 0.0);
    mean_strain_ = at_rest;
    report.history.push_back(0.0);
  }

  fields.strain.resize(voxels);
  elements_.strain(displacement_, fields.strain);
  for (Tensor& strain : fields.strain) {
    for (std::size_t c = 0; c < tensor_components; ++c) strain[c] += mean_strain_[c];
  }
  (void)mean_force(displacement_, mean_strain_, true);
  fields.stress = element;
  fields.displacement.assign(voxels, {});
  const std::size_t freedoms = spectra_.size();
  for (std::size_t node = 0; node < voxels; ++node) {
    for (std::size_t axis = 0; axis < freedoms; ++axis) {
      fields.displacement[node][axis] = displacement_[node * freedoms + axis];
    }
  }
  const std::vector<Tensor> stars(eigenstrain.begin(), eigenstrain.end());
  fields.means.strain = elements_.sum(fields.strain);
  fields.means.stress = elements_.sum(fields.stress);
  fields.means.eigenstrain = elements_.sum(stars);
  for (std::size_t c = 0; c < tensor_components; ++c) {
    fields.means.strain[c] /= total;
    fields.means.stress[c] /= total;
    fields.means.eigenstrain[c] /= total;
  }
  return report;
}

}  // namespace mesoglass::elasticity
