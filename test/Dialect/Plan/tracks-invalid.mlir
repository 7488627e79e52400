// RUN: descent-opt %s -split-input-file -verify-diagnostics

plan.program @program_r1_cuts_are_in_order segments 2 {
  plan.track @t class matrix {
    // expected-error @below {{'plan.cut' op has number 1, but a program of 2 segments wants the cuts 0 to 0 in this order}}
    plan.cut 1
  }
}

// -----

plan.program @program_r1_every_track_has_every_cut segments 2 {
  // expected-error @below {{'plan.track' op has 0 cuts, but a program of 2 segments has 1}}
  plan.track @t class any {
  }
}

// -----

plan.program @program_r2_a_total_is_made_once segments 3 {
  plan.total max @top in model
  plan.track @t class matrix {
    %a = plan.factor "a"
    // expected-note @below {{first used here}}
    plan.cut 0 contributes(%a to @top)
    // expected-error @below {{'plan.cut' op takes part in the total @top, which belongs to cut 0}}
    plan.cut 1 contributes(%a to @top)
  }
}

// -----

plan.program @program_r2_a_group_is_one_track segments 2 {
  plan.total max @top in group
  plan.track @a class any {
    %a = plan.factor "a"
    // expected-note @below {{first used here}}
    plan.cut 0 contributes(%a to @top)
  }
  plan.track @b class any {
    %a = plan.factor "a"
    // expected-error @below {{'plan.cut' op takes part in the total @top, which reaches no further than one track}}
    plan.cut 0 contributes(%a to @top)
  }
}

// -----

plan.program @program_r3_a_guard_is_shared segments 1 {
  plan.track @t class matrix {
    %a = plan.factor "a"
    // expected-error @below {{'plan.guard' op decides for all layers, so it belongs in a shared track}}
    plan.guard %a
  }
}

// -----

plan.program @program_r3_there_is_one_guard segments 1 {
  plan.track shared @t class matrix {
    %a = plan.number loss
    plan.guard %a
    // expected-error @below {{'plan.guard' op is the program's second guard}}
    plan.guard %a
  }
}

// -----

plan.program @program_r4_shared_tracks_come_last segments 1 {
  plan.track shared @s class any {
  }
  // expected-error @below {{'plan.track' op is a group's track; it must come before the shared ones}}
  plan.track @t class any {
  }
}

// -----

plan.program @track_r1_a_shared_track_has_no_memory segments 1 {
  plan.track shared @t class matrix {
    // expected-error @below {{'plan.weight' op has a buffer, but a shared track has no layer whose memory it could be}}
    %w = plan.weight : !plan.buffer<rows, cols, f32>
  }
}

// -----

plan.program @track_r2_scratch_across_a_cut_lives_a_layer segments 2 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    // expected-error @below {{'plan.scratch' op of lifetime worker is used on both sides of a cut; say 'layer'}}
    %x = plan.scratch worker : !plan.buffer<rows, cols, f32>
    plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>) writes(%x : !plan.buffer<rows, cols, f32>) {
    ^bb0(%e: f32):
      plan.yield %e : f32
    }
    plan.cut 0
    // expected-note @below {{used here, in segment 1}}
    plan.sweep over <rows, cols> reads(%x : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%e: f32):
      plan.yield %e : f32
    }
  }
}

// -----

plan.program @track_r3_partial_results_have_one_writer segments 1 {
  plan.track @t class matrix {
    // expected-error @below {{'plan.scratch' op holds partial results and must be written by exactly one stage, not by 0}}
    %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
    %s = plan.combine sum %p : !plan.buffer<one, tiles, f64>
  }
}

// -----

plan.program @track_r4_a_state_is_kept_once segments 1 {
  plan.track @t class matrix {
    %h = plan.layer_state "h" init 0.0
    plan.keep "h" = %h
    // expected-error @below {{'plan.keep' op keeps the layer state 'h' a second time}}
    plan.keep "h" = %h
  }
}

// -----

plan.program @track_r4_only_states_are_kept segments 1 {
  plan.track @t class matrix {
    %h = plan.factor "h"
    // expected-error @below {{'plan.keep' op keeps 'h', which is no layer state of the track}}
    plan.keep "h" = %h
  }
}

// -----

plan.program @track_r5_names_are_unique segments 1 {
  plan.track @t class matrix {
    // expected-note @below {{the first is here}}
    %h = plan.layer_state "m" init 0.0
    // expected-error @below {{'plan.state' op is the track's second state 'm'}}
    %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, f32>
  }
}

// -----

plan.program @track_r5_there_is_one_gradient segments 1 {
  plan.track @t class matrix {
    // expected-note @below {{the first is here}}
    %g = plan.gradient : !plan.buffer<rows, cols, f32>
    // expected-error @below {{'plan.gradient' op is the track's second gradient}}
    %h = plan.gradient : !plan.buffer<rows, cols, f32>
  }
}

// -----

plan.program @track_r6_a_weight_is_a_matrix segments 1 {
  plan.track @t class matrix {
    // expected-error @below {{'plan.weight' op has the type '!plan.buffer<one, rows, f32>', but the caller's memory is <rows, cols>}}
    %w = plan.weight : !plan.buffer<one, rows, f32>
  }
}

// -----

plan.program @track_r6_a_state_has_a_number_an_element_row_or_column segments 1 {
  plan.track @t class matrix {
    // expected-error @below {{but the caller's memory is <rows, cols>, <one, rows> or <one, cols>}}
    %w = plan.state "p" init value 0.0 : !plan.buffer<short, short, f32>
  }
}

// -----

plan.program @track_r8_codes_have_scales segments 1 {
  plan.track @t class matrix {
    // expected-error @below {{'plan.state' op is kept in codes and needs one state of scales for them}}
    %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, !plan.q8<256, signed>>
  }
}

// -----

plan.program @track_r8_scales_are_of_codes_with_their_blocks segments 1 {
  plan.track @t class matrix {
    %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, !plan.q8<256, signed>>
    // expected-error @below {{scales belong to codes with blocks of the same size}}
    %s = plan.state "m_scale" init value 0.0 scales %m : !plan.buffer<rows, cols, !plan.q8<256, signed>>
        : !plan.buffer<rows, cols, !plan.scale<64>>
  }
}

// -----

plan.program @track_r8_a_weight_is_no_code segments 1 {
  plan.track @t class matrix {
    // expected-error @below {{'plan.weight' op is kept in codes or scales, as only states can be}}
    %w = plan.weight : !plan.buffer<rows, cols, !plan.q8<256, signed>>
  }
}

// -----

plan.program @cut_r1_totals_are_declared segments 2 {
  plan.track @t class matrix {
    %a = plan.factor "a"
    // expected-error @below {{'plan.cut' op names the total @top, which the program does not declare}}
    plan.cut 0 contributes(%a to @top)
  }
}

// -----

plan.program @track_r7_alternative_without_choice segments 1 {
  plan.track @t class matrix {
    %c = plan.choice ["plain", "gram"]
    %f = plan.factor "f"
    // expected-error @below {{belongs to #plan.alternative<0, 2>, which no choice of the track has}}
    %x = plan.scalars(%f) -> (f64) attributes {plan.alternative = #plan.alternative<0, 2>} {
    ^bb0(%a: f64):
      plan.yield %a : f64
    }
  }
}

// -----

plan.program @track_r7_memory_has_no_alternative segments 1 {
  plan.track @t class matrix {
    %c = plan.choice ["plain", "gram"]
    // expected-error @below {{as its alternative, but only work belongs to one, #plan.alternative<choice, index>}}
    %x = plan.scratch worker {plan.alternative = #plan.alternative<0, 1>} : !plan.buffer<short, short, f32>
  }
}
