// RUN: descent-opt %s -split-input-file -convert-plan-to-gpu -verify-diagnostics

plan.program @a_region_of_entries_has_no_control_flow segments 1 {
  plan.track @t class any {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32):
      %true = arith.constant true
      // expected-error @below {{'scf.if' op has no vector form, so it cannot stand in a stage}}
      %u = scf.if %true -> f32 {
        scf.yield %wi : f32
      } else {
        %twice = arith.addf %wi, %wi : f32
        scf.yield %twice : f32
      }
      plan.yield %u : f32
    }
  }
}

// -----

plan.program @vectors_are_raised_to_no_power_of_their_own segments 1 {
  plan.track @t class any {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32):
      %three = arith.constant 3 : i32
      // expected-error @below {{'math.fpowi' op has no vector form, so it cannot stand in a stage}}
      %u = math.fpowi %wi, %three : f32, i32
      plan.yield %u : f32
    }
  }
}

// -----

plan.program @factors_are_read_as_they_lie segments 1 {
  plan.track @t class matrix {
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    %p = plan.scratch worker : !plan.buffer<short, short, f32, panels>
    // expected-error @below {{'plan.pack' op has no kernel for a device yet}}
    plan.pack %a into %p : !plan.buffer<short, short, f32>, !plan.buffer<short, short, f32, panels>
  }
}
