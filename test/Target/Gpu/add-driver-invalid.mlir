// RUN: descent-opt %s -gpu-add-driver -verify-diagnostics

// expected-error@+1 {{has no module of kernels; run convert-plan-to-gpu first}}
module @empty {
}
