#include "deformation/heterogeneous_medium.hpp"

#include <algorithm>

namespace mesoglass::deformation {

namespace {

using elasticity::MeanConditions;
using elasticity::Tensor;

constexpr elasticity::SolverSettings settings{1e-10, 1000};

double times_counted(int component) {
  return component >= elasticity::yz ? 2.0 : 1.0;
}

std::vector<int> components_of_body(elasticity::Body body) {
  using namespace elasticity;
  if (dimensions_of(body) == 3) return {xx, yy, zz, yz, xz, xy};
  return {xx, yy, xy};
}

}  // namespace

bool has_uniform_moduli(const catalog::Catalog& glass) noexcept {
  const auto& matrix = glass.types.front();
  return std::all_of(glass.types.begin(), glass.types.end(), [&](const catalog::ShearZoneType& type) {
    return type.young_modulus_gpa == matrix.young_modulus_gpa && type.poisson_ratio == matrix.poisson_ratio;
  });
}

elasticity::HeterogeneousSolver heterogeneous_solver(const Communicator& communicator, const catalog::Catalog& glass,
                                                     elasticity::Body body) {
  std::vector<double> lambda(glass.voxel_type.size());
  std::vector<double> shear(glass.voxel_type.size());
  for (std::size_t voxel = 0; voxel < glass.voxel_type.size(); ++voxel) {
    const auto& type = glass.types[glass.voxel_type[voxel]];
    const auto moduli = elasticity::isotropic_moduli(type.young_modulus_gpa, type.poisson_ratio, body);
    lambda[voxel] = moduli.lambda_gpa;
    shear[voxel] = moduli.shear_gpa;
  }
  return {communicator, glass.grid, body, lambda, shear};
}

HeterogeneousMedium::HeterogeneousMedium(const Communicator& communicator, const catalog::Catalog& glass,
                                         elasticity::Body body, const elasticity::TensorBasis& basis)
    : communicator_(communicator),
      own_voxels_(glass.grid.voxels_of(communicator.rank(), communicator.size())),
      own_(static_cast<std::size_t>(own_voxels_.size())),
      voxel_count_(static_cast<double>(glass.grid.voxel_count())),
      basis_(basis),
      solver_(heterogeneous_solver(communicator, glass, body)),
      loads_(components_of_body(body)),
      concentration_(loads_.size() * static_cast<std::size_t>(basis.count()) * own_),
      compliance_(static_cast<Eigen::Index>(loads_.size()), static_cast<Eigen::Index>(loads_.size())),
      eigenstrain_(own_) {
  std::array<double, most_strain_components> row{};
  const auto rows = static_cast<std::size_t>(basis_.count());
  for (std::size_t load = 0; load < loads_.size(); ++load) {
    MeanConditions conditions = MeanConditions::zero_stress();
    conditions.value[static_cast<std::size_t>(loads_[load])] = 1.0;
    (void)solver_.solve(eigenstrain_, conditions, settings, fields_);
    for (std::size_t voxel = 0; voxel < own_; ++voxel) {
      basis_.from_tensor(fields_.stress[voxel], std::span(row).first(rows));
      for (std::size_t r = 0; r < rows; ++r) concentration_[(load * rows + r) * own_ + voxel] = row[r];
    }
    for (std::size_t c = 0; c < loads_.size(); ++c) {
      compliance_(static_cast<Eigen::Index>(c), static_cast<Eigen::Index>(load)) =
          fields_.means.strain[static_cast<std::size_t>(loads_[c])];
    }
  }
}

void HeterogeneousMedium::superpose(std::span<const Transformation> transformations, std::span<double> stress) {
  // Without any load the solver goes back to rest.
  (void)solver_.solve(eigenstrain_, MeanConditions::zero_stress(), settings, fields_);
  const auto rows = static_cast<std::size_t>(basis_.count());
  std::vector<std::size_t> touched;
  for (const Transformation& flip : transformations) {
    if (!own_voxels_.contains(flip.voxel)) continue;
    const auto voxel = static_cast<std::size_t>(flip.voxel - own_voxels_.begin);
    const Tensor strain = basis_.to_tensor(std::span(flip.strain).first(rows));
    for (std::size_t c = 0; c < strain.size(); ++c) eigenstrain_[voxel][c] += strain[c];
    touched.push_back(voxel);
  }
  (void)solver_.solve(eigenstrain_, MeanConditions::zero_stress(), settings, fields_);
  for (const std::size_t voxel : touched) eigenstrain_[voxel] = {};
  std::array<double, most_strain_components> row{};
  for (std::size_t voxel = 0; voxel < own_; ++voxel) {
    basis_.from_tensor(fields_.stress[voxel], std::span(row).first(rows));
    for (std::size_t r = 0; r < rows; ++r) stress[r * own_ + voxel] += row[r];
  }
}

void HeterogeneousMedium::add_load(const Tensor& mean_stress, std::span<const double> residual,
                                   std::span<double> stress) const noexcept {
  std::array<double, most_strain_components> mean{};
  basis_.from_tensor(mean_stress, std::span(mean).first(static_cast<std::size_t>(basis_.count())));
  for (int r = 0; r < basis_.count(); ++r) {
    const std::size_t first = static_cast<std::size_t>(r) * own_;
    for (std::size_t voxel = 0; voxel < own_; ++voxel) {
      double local = residual[first + voxel] - mean[static_cast<std::size_t>(r)];
      for (std::size_t load = 0; load < loads_.size(); ++load) {
        local += concentration(r, load, voxel) * mean_stress[static_cast<std::size_t>(loads_[load])];
      }
      stress[first + voxel] = local;
    }
  }
}

Tensor HeterogeneousMedium::effective_strain(std::span<const Transformation> transformations) const {
  // One row a transformation, which its voxel's owner knows and the others add zeros to.
  std::vector<double> shares(transformations.size() * loads_.size(), 0.0);
  for (std::size_t index = 0; index < transformations.size(); ++index) {
    const Transformation& flip = transformations[index];
    if (!own_voxels_.contains(flip.voxel)) continue;
    const auto voxel = static_cast<std::size_t>(flip.voxel - own_voxels_.begin);
    for (std::size_t load = 0; load < loads_.size(); ++load) {
      for (int r = 0; r < basis_.count(); ++r) {
        shares[index * loads_.size() + load] +=
            concentration(r, load, voxel) * flip.strain[static_cast<std::size_t>(r)];
      }
    }
  }
  communicator_.sum_in_place(std::span<double>(shares));
  Tensor result{};
  for (std::size_t share = 0; share < shares.size(); ++share) {
    const int component = loads_[share % loads_.size()];
    result[static_cast<std::size_t>(component)] += shares[share] / (voxel_count_ * times_counted(component));
  }
  return result;
}

elasticity::Means HeterogeneousMedium::means(const MeanConditions& conditions, const Tensor& effective_strain) const {
  // Unknown are the stresses of components whose strain is given: S_aa Sigma_a = E_a - E*_a - S_ab Sigma_b.
  elasticity::Means result;
  result.eigenstrain = effective_strain;
  const auto count = static_cast<Eigen::Index>(loads_.size());
  Eigen::VectorXd stress = Eigen::VectorXd::Zero(count);
  std::vector<Eigen::Index> driven;
  for (Eigen::Index c = 0; c < count; ++c) {
    const auto component = static_cast<std::size_t>(loads_[static_cast<std::size_t>(c)]);
    if (conditions.is_stress[component]) {
      stress(c) = conditions.value[component];
    } else {
      driven.push_back(c);
    }
  }
  const auto unknowns = static_cast<Eigen::Index>(driven.size());
  Eigen::MatrixXd matrix(unknowns, unknowns);
  Eigen::VectorXd right(unknowns);
  const Eigen::VectorXd from_given = compliance_ * stress;
  for (Eigen::Index i = 0; i < unknowns; ++i) {
    const Eigen::Index c = driven[static_cast<std::size_t>(i)];
    const auto component = static_cast<std::size_t>(loads_[static_cast<std::size_t>(c)]);
    right(i) = conditions.value[component] - effective_strain[component] - from_given(c);
    for (Eigen::Index j = 0; j < unknowns; ++j) matrix(i, j) = compliance_(c, driven[static_cast<std::size_t>(j)]);
  }
  if (unknowns > 0) {
    const Eigen::VectorXd solved = matrix.fullPivLu().solve(right);
    for (Eigen::Index i = 0; i < unknowns; ++i) stress(driven[static_cast<std::size_t>(i)]) = solved(i);
  }
  const Eigen::VectorXd strain = compliance_ * stress;
  for (Eigen::Index c = 0; c < count; ++c) {
    const auto component = static_cast<std::size_t>(loads_[static_cast<std::size_t>(c)]);
    result.stress[component] = stress(c);
    result.strain[component] =
        conditions.is_stress[component] ? strain(c) + effective_strain[component] : conditions.value[component];
  }
  return result;
}

}  // namespace mesoglass::deformation
