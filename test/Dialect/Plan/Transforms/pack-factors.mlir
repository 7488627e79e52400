// RUN: descent-opt %s -plan-pack-factors | FileCheck %s
// RUN: descent-opt %s -plan-pack-factors=pairs=true | FileCheck %s --check-prefix=PAIRS

// CHECK-LABEL: plan.program @products_that_read_the_same_share_panels
plan.program @products_that_read_the_same_share_panels segments 1 {
  plan.track @t class matrix {
    // CHECK: %[[X:.*]] = plan.scratch worker : <short, long, f32>
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    %y = plan.scratch worker : !plan.buffer<short, long, f32>
    // CHECK: %[[P:.*]] = plan.scratch worker : <long, short, f32, panels>
    // CHECK: plan.pack %[[X]] into %[[P]] : <short, long, f32>, <long, short, f32, panels>
    // CHECK: plan.product %{{.*}}, %[[X]] : {{.*}} packed(%[[P]] : !plan.buffer<long, short, f32, panels>)
    plan.product %a, %x : !plan.buffer<short, short, f32>, !plan.buffer<short, long, f32> over <short, long>
        writes(%y : !plan.buffer<short, long, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // CHECK-NOT: plan.pack
    // CHECK: plan.product {{.*}} packed(%[[P]] :
    plan.product %a, %x : !plan.buffer<short, short, f32>, !plan.buffer<short, long, f32> over <short, long>
        writes(%y : !plan.buffer<short, long, f32>) {
    ^bb0(%acc: f32):
      %two = arith.constant 2.0 : f32
      %z = arith.mulf %acc, %two : f32
      plan.yield %z : f32
    }
    // Another way of reading the same factor.
    // CHECK: plan.pack %[[X]] transposed into %[[Q:.*]] : <short, long, f32>, <short, long, f32, panels>
    // CHECK: plan.product {{.*}} transposed {{.*}} packed(%[[Q]] :
    plan.product %y, %x transposed : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}

// CHECK-LABEL: plan.program @a_factor_that_was_written_is_packed_again
plan.program @a_factor_that_was_written_is_packed_again segments 2 {
  plan.track @t class matrix {
    %x = plan.scratch layer : !plan.buffer<short, short, f32>
    %y = plan.scratch layer : !plan.buffer<short, short, f32>
    %z = plan.scratch layer : !plan.buffer<short, short, f32>
    // CHECK: plan.pack %[[X:.*]] into
    plan.product %y, %x : !plan.buffer<short, short, f32>, !plan.buffer<short, short, f32> over <short, short>
        writes(%z : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    plan.sweep over <short, short> writes(%x : !plan.buffer<short, short, f32>) {
      %one = arith.constant 1.0 : f32
      plan.yield %one : f32
    }
    // CHECK: plan.sweep
    // CHECK: plan.pack %[[X]] into
    plan.product %y, %x : !plan.buffer<short, short, f32>, !plan.buffer<short, short, f32> over <short, short>
        writes(%z : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // Panels live within a segment.
    // CHECK: plan.cut 0
    // CHECK: plan.pack %[[X]] into
    plan.cut 0
    plan.product %y, %x : !plan.buffer<short, short, f32>, !plan.buffer<short, short, f32> over <short, short>
        writes(%z : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}

// CHECK-LABEL: plan.program @what_a_symmetric_product_wrote_is_read_by_rows
plan.program @what_a_symmetric_product_wrote_is_read_by_rows segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    %b = plan.scratch worker : !plan.buffer<short, short, f32>
    %c = plan.scratch worker : !plan.buffer<short, short, f32>
    plan.product %x, %x transposed symmetric : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // CHECK: plan.pack %[[A:[a-z0-9_]+]] into
    // CHECK: plan.product %{{[a-z0-9_]+}}, %[[A]] : <short, short, f32>
    plan.product %b, %a transposed : !plan.buffer<short, short, f32>, !plan.buffer<short, short, f32>
        over <short, short> writes(%c : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // Now it is not symmetric any more.
    // CHECK: plan.product %[[B:[a-z0-9_]+]], %[[B]] : {{.*}} writes(%[[A]] :
    plan.product %b, %b : !plan.buffer<short, short, f32>, !plan.buffer<short, short, f32>
        over <short, short> writes(%a : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // CHECK: plan.pack %[[A]] transposed into
    // CHECK: plan.product %{{[a-z0-9_]+}}, %[[A]] transposed
    plan.product %b, %a transposed : !plan.buffer<short, short, f32>, !plan.buffer<short, short, f32>
        over <short, short> writes(%c : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}

// CHECK-LABEL: plan.program @narrow_factors_are_widened_unless_they_make_pairs
// PAIRS-LABEL: plan.program @narrow_factors_are_widened_unless_they_make_pairs
plan.program @narrow_factors_are_widened_unless_they_make_pairs segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, short, bf16>
    %w = plan.scratch worker : !plan.buffer<short, short, f32>
    %y = plan.scratch worker : !plan.buffer<short, short, f32>
    // CHECK: plan.pack {{.*}} : <short, short, bf16>, <short, short, f32, panels>
    // PAIRS: plan.pack {{.*}} : <short, short, bf16>, <short, short, bf16, panels>
    plan.product %x, %x : !plan.buffer<short, short, bf16>, !plan.buffer<short, short, bf16>
        over <short, short> writes(%y : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
    // CHECK: plan.pack {{.*}} : <short, short, bf16>, <short, short, f32, panels>
    // PAIRS: plan.pack {{.*}} : <short, short, bf16>, <short, short, f32, panels>
    plan.product %w, %x : !plan.buffer<short, short, f32>, !plan.buffer<short, short, bf16>
        over <short, short> writes(%y : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
