#include "Plan.h"

static double power(double base, uint32_t exponent) {
  double result = 1.0;
  for (uint32_t i = 0; i < exponent; ++i)
    result *= base;
  return result;
}

static double cost_of(const descent_alternative *alternative, double rows, double cols) {
  const double sides[4] = {rows, cols, rows < cols ? rows : cols, rows > cols ? rows : cols};
  double sum = 0.0;
  for (uint32_t t = 0; t < alternative->num_terms; ++t) {
    double term = alternative->terms[t].factor;
    for (int side = 0; side < 4; ++side)
      term *= power(sides[side], alternative->terms[t].powers[side]);
    sum += term;
  }
  return sum;
}

void descent_choose(descent_entry *entry) {
  for (uint32_t c = 0; c < entry->track->num_choices; ++c) {
    const descent_choice *choice = &entry->track->choices[c];
    double least = 0.0;
    for (uint32_t a = 0; a < choice->num_alternatives; ++a) {
      const double cost = cost_of(&choice->alternatives[a], (double)entry->rows, (double)entry->cols);
      if (a > 0 && !(cost < least))
        continue;
      entry->choices[c] = a;
      least = cost;
    }
  }
}

bool descent_is_chosen(const descent_entry *entry, uint32_t choice, uint32_t alternative) {
  return alternative == 0 || entry->choices[choice] == alternative - 1;
}
