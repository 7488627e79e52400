// RUN: descent-opt %s -gpu-emit-artifact -split-input-file -verify-diagnostics
// RUN: not descent-opt %s -split-input-file -gpu-emit-artifact=target=cuda:sm_1 2>&1 | FileCheck %s
// CHECK: there is no target 'cuda:sm_1'

plan.program @tiny segments 1 {
  plan.track @all class any rule "tiny" {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    // expected-error@+1 {{has no kernel; run convert-plan-to-gpu first}}
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>)
        writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32):
      plan.yield %wi : f32
    }
  }
}

// -----

plan.program @maps segments 1 {
  plan.track @all class matrix {
    %g = plan.gradient : !plan.buffer<rows, cols, bf16>
    %y = plan.scratch worker : !plan.buffer<rows, rows, f32>
    // expected-error@+1 {{tensor map of the gradient, which lies elsewhere in each step}}
    plan.product %g, %g transposed : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, rows> writes(%y : !plan.buffer<rows, rows, f32>)
        attributes {plan.kernel = @kernels::@multiply} {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
gpu.module @kernels {
  gpu.func @multiply() kernel attributes {plan.maps = [array<i64: 1, 64, 64, 128>]} {
    gpu.return
  }
}

// -----

plan.program @maps segments 1 {
  plan.track @all class matrix {
    %g = plan.gradient : !plan.buffer<rows, cols, bf16>
    %y = plan.scratch worker : !plan.buffer<rows, rows, f32>
    // expected-error@+1 {{not of the factors of a product: array<i64: 2, 64, 64, 128>}}
    plan.product %g, %g transposed : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, rows> writes(%y : !plan.buffer<rows, rows, f32>)
        attributes {plan.kernel = @kernels::@multiply} {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
gpu.module @kernels {
  gpu.func @multiply() kernel attributes {plan.maps = [array<i64: 2, 64, 64, 128>]} {
    gpu.return
  }
}

// -----

plan.program @maps segments 1 {
  plan.track @all class matrix {
    %g = plan.gradient : !plan.buffer<rows, cols, bf16>
    %y = plan.scratch worker : !plan.buffer<rows, rows, f32>
    // expected-error@+1 {{not of the factors of a product}}
    plan.product %g, %g transposed : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, rows> writes(%y : !plan.buffer<rows, rows, f32>)
        attributes {plan.kernel = @kernels::@multiply} {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
gpu.module @kernels {
  gpu.func @multiply() kernel attributes {plan.maps = ["left"]} {
    gpu.return
  }
}

// -----

plan.program @maps segments 1 {
  plan.track @all class matrix {
    %g = plan.gradient : !plan.buffer<rows, cols, bf16>
    %y = plan.scratch worker : !plan.buffer<rows, rows, f32>
    // expected-error@+1 {{whose tensor maps no device can make: array<i64: 0, 64, 65, 0>}}
    plan.product %g, %g transposed : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, rows> writes(%y : !plan.buffer<rows, rows, f32>)
        attributes {plan.kernel = @kernels::@multiply} {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
gpu.module @kernels {
  gpu.func @multiply() kernel attributes {plan.maps = [array<i64: 0, 64, 65, 0>]} {
    gpu.return
  }
}

// -----

plan.program @maps segments 1 {
  plan.track @all class matrix {
    %g = plan.gradient : !plan.buffer<rows, cols, bf16>
    %y = plan.scratch worker : !plan.buffer<rows, rows, f32>
    // expected-error@+1 {{no device can make: array<i64: 0, 257, 64, 128>}}
    plan.product %g, %g transposed : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, rows> writes(%y : !plan.buffer<rows, rows, f32>)
        attributes {plan.kernel = @kernels::@multiply} {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
gpu.module @kernels {
  gpu.func @multiply() kernel attributes {plan.maps = [array<i64: 0, 257, 64, 128>]} {
    gpu.return
  }
}

// -----

plan.program @maps segments 1 {
  plan.track @all class matrix {
    %g = plan.gradient : !plan.buffer<rows, cols, bf16>
    %y = plan.scratch worker : !plan.buffer<rows, rows, f32>
    // expected-error@+1 {{no device can make: array<i64: 0, 64, 128, 128>}}
    plan.product %g, %g transposed : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, rows> writes(%y : !plan.buffer<rows, rows, f32>)
        attributes {plan.kernel = @kernels::@multiply} {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
gpu.module @kernels {
  gpu.func @multiply() kernel attributes {plan.maps = [array<i64: 0, 64, 128, 128>]} {
    gpu.return
  }
}

// -----

plan.program @maps segments 1 {
  plan.track @all class matrix {
    %g = plan.gradient : !plan.buffer<rows, cols, bf16>
    %y = plan.scratch worker : !plan.buffer<rows, rows, f32>
    // expected-error@+1 {{no device can make: array<i64: 0, 64, 32, 100>}}
    plan.product %g, %g transposed : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, bf16>
        over <rows, rows> writes(%y : !plan.buffer<rows, rows, f32>)
        attributes {plan.kernel = @kernels::@multiply} {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
gpu.module @kernels {
  gpu.func @multiply() kernel attributes {plan.maps = [array<i64: 0, 64, 32, 100>]} {
    gpu.return
  }
}
