// RUN: descent-opt %s -plan-reuse-scratch | FileCheck %s

// CHECK-LABEL: plan.program @a_dead_buffer_is_taken
plan.program @a_dead_buffer_is_taken segments 1 {
  plan.track @t class any {
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    // CHECK: %[[G:.*]] = plan.gradient
    // CHECK-NEXT: %[[W:.*]] = plan.weight
    // CHECK-NEXT: %[[A:.*]] = plan.scratch worker
    // CHECK-NEXT: %[[B:.*]] = plan.scratch worker
    // CHECK-NOT: plan.scratch
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %a = plan.scratch worker : !plan.buffer<rows, cols, f32>
    %b = plan.scratch worker : !plan.buffer<rows, cols, f32>
    %c = plan.scratch worker : !plan.buffer<rows, cols, f32>
    %unused = plan.scratch worker : !plan.buffer<rows, cols, f32>
    // CHECK: plan.sweep over <rows, cols> reads(%[[G]] : {{.*}}) writes(%[[A]] :
    plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>) writes(%a : !plan.buffer<rows, cols, f32>) {
    ^bb0(%x: f32):
      plan.yield %x : f32
    }
    // CHECK: plan.sweep over <rows, cols> reads(%[[A]] : {{.*}}) writes(%[[B]] :
    plan.sweep over <rows, cols> reads(%a : !plan.buffer<rows, cols, f32>) writes(%b : !plan.buffer<rows, cols, f32>) {
    ^bb0(%x: f32):
      plan.yield %x : f32
    }
    // CHECK: plan.sweep over <rows, cols> reads(%[[B]] : {{.*}}) writes(%[[A]] :
    plan.sweep over <rows, cols> reads(%b : !plan.buffer<rows, cols, f32>) writes(%c : !plan.buffer<rows, cols, f32>) {
    ^bb0(%x: f32):
      plan.yield %x : f32
    }
    // CHECK: plan.sweep over <rows, cols> reads(%[[A]] : {{.*}}) writes(%[[W]] :
    plan.sweep over <rows, cols> reads(%c : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%x: f32):
      plan.yield %x : f32
    }
  }
}

// CHECK-LABEL: plan.program @another_type_another_segment_or_a_layers_scratch_is_left
plan.program @another_type_another_segment_or_a_layers_scratch_is_left segments 2 {
  plan.track @t class any {
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    // CHECK-COUNT-4: plan.scratch
    %a = plan.scratch worker : !plan.buffer<rows, cols, f32>
    %narrow = plan.scratch worker : !plan.buffer<rows, cols, bf16>
    %later = plan.scratch worker : !plan.buffer<rows, cols, f32>
    %layer = plan.scratch layer : !plan.buffer<rows, cols, f32>
    plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>) writes(%a : !plan.buffer<rows, cols, f32>) {
    ^bb0(%x: f32):
      plan.yield %x : f32
    }
    plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>)
        writes(%narrow, %layer : !plan.buffer<rows, cols, bf16>, !plan.buffer<rows, cols, f32>) {
    ^bb0(%x: f32):
      plan.yield %x, %x : f32, f32
    }
    plan.cut 0
    plan.sweep over <rows, cols> reads(%layer : !plan.buffer<rows, cols, f32>)
        writes(%later : !plan.buffer<rows, cols, f32>) {
    ^bb0(%x: f32):
      plan.yield %x : f32
    }
  }
}

// No layer runs both alternatives: their scratch takes turns, also where they are listed by turns. What every layer
// reads keeps its own.
// CHECK-LABEL: plan.program @alternatives_share_memory
plan.program @alternatives_share_memory segments 1 {
  plan.track @t class any {
    // CHECK: %[[A:.*]] = plan.scratch worker
    // CHECK-NEXT: %[[B:.*]] = plan.scratch worker
    // CHECK-NOT: plan.scratch
    %c = plan.choice ["one", "two"]
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %common = plan.scratch worker : !plan.buffer<rows, cols, f32>
    %first = plan.scratch worker : !plan.buffer<rows, cols, f32>
    %second = plan.scratch worker : !plan.buffer<rows, cols, f32>
    plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>) writes(%common : !plan.buffer<rows, cols, f32>) {
    ^bb0(%x: f32):
      plan.yield %x : f32
    }
    // CHECK: plan.sweep {{.*}} reads(%[[A]] : {{.*}}) writes(%[[B]] : {{.*}}<0, 0>
    plan.sweep over <rows, cols> reads(%common : !plan.buffer<rows, cols, f32>) writes(%first : !plan.buffer<rows, cols, f32>)
        attributes {plan.alternative = #plan.alternative<0, 0>} {
    ^bb0(%x: f32):
      plan.yield %x : f32
    }
    // CHECK: plan.sweep {{.*}} reads(%[[A]] : {{.*}}) writes(%[[B]] : {{.*}}<0, 1>
    plan.sweep over <rows, cols> reads(%common : !plan.buffer<rows, cols, f32>) writes(%second : !plan.buffer<rows, cols, f32>)
        attributes {plan.alternative = #plan.alternative<0, 1>} {
    ^bb0(%x: f32):
      plan.yield %x : f32
    }
    plan.sweep over <rows, cols> reads(%first : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>)
        attributes {plan.alternative = #plan.alternative<0, 0>} {
    ^bb0(%x: f32):
      plan.yield %x : f32
    }
    plan.sweep over <rows, cols> reads(%second : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>)
        attributes {plan.alternative = #plan.alternative<0, 1>} {
    ^bb0(%x: f32):
      plan.yield %x : f32
    }
  }
}
