// Which states of a rule cannot become negative.
#ifndef DESCENT_CONVERSION_DESCENTTOPLAN_NEVERNEGATIVE_H
#define DESCENT_CONVERSION_DESCENTTOPLAN_NEVERNEGATIVE_H

#include "descent/Dialect/Descent/IR/Descent.h"

namespace descent {

/// Whether a state that starts at 0 or more stays there: its new value is made of squares, absolute values, square
/// roots and itself by sums, products and maxima. Hyperparameters, and 1 less a hyperparameter, count as 0 or more:
/// averages have decays from 0 to 1.
bool isNeverNegative(OptimizerOp rule, RoleAttr state);

} // namespace descent

#endif // DESCENT_CONVERSION_DESCENTTOPLAN_NEVERNEGATIVE_H
