// RUN: descent-opt %s -split-input-file -verify-diagnostics

plan.program @sweep_r1_row_numbers_do_not_fit_a_short_domain segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>

    %v = plan.state "v" init value 0.0 : !plan.buffer<one, rows, f32>
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    // expected-error @below {{'plan.sweep' op reads '!plan.buffer<one, rows, f32>', which has neither the extents of the domain}}
    plan.sweep over <short, long> reads(%v : !plan.buffer<one, rows, f32>) writes(%x : !plan.buffer<short, long, f32>) {
    ^bb0(%vi: f32):
      plan.yield %vi : f32
    }
  }
}

// -----

plan.program @sweep_r1_one_axis_of_a_square_is_ambiguous segments 1 {
  plan.track @t class matrix {
    %v = plan.scratch worker : !plan.buffer<one, short, f32>
    %x = plan.scratch worker : !plan.buffer<short, short, f32>
    // expected-error @below {{nor one number a row, a column or in all}}
    plan.sweep over <short, short> reads(%v : !plan.buffer<one, short, f32>) writes(%x : !plan.buffer<short, short,
        f32>) {
    ^bb0(%vi: f32):
      plan.yield %vi : f32
    }
  }
}

// -----

plan.program @sweep_r2_a_broadcast_buffer_is_not_written segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>

    %v = plan.state "v" init value 0.0 : !plan.buffer<one, rows, f32>
    // expected-error @below {{'plan.sweep' op writes '!plan.buffer<one, rows, f32>', which lacks the extents of the domain}}
    plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>) writes(%v : !plan.buffer<one, rows, f32>) {
    ^bb0(%gi: f32):
      plan.yield %gi : f32
    }
  }
}

// -----

plan.program @sweep_r3_partial_results_count_the_domain segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>

    %p = plan.scratch worker : !plan.buffer<col_blocks, cols, f64>
    // expected-error @below {{'plan.sweep' op reduces into '!plan.buffer<col_blocks, cols, f64>'; partial results of the domain}}
    plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>) reduces [sum] into(%p :
        !plan.buffer<col_blocks, cols, f64>) {
    ^bb0(%gi: f32):
      %x = arith.extf %gi : f32 to f64
      plan.yield %x : f64
    }
  }
}

// -----

plan.program @sweep_r3_partial_results_are_f64 segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>

    %p = plan.scratch worker : !plan.buffer<one, tiles, f32>
    // expected-error @below {{partial results of the domain #plan.domain<rows, cols> are f64}}
    plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>) reduces [sum] into(%p : !plan.buffer<one,
        tiles, f32>) {
    ^bb0(%gi: f32):
      %x = arith.extf %gi : f32 to f64
      plan.yield %x : f64
    }
  }
}

// -----

plan.program @sweep_r4_an_argument_is_missing segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>

    // expected-error @below {{'plan.sweep' op region has 1 arguments, but there are 2 values: 2 reads and 0 scalars}}
    plan.sweep over <rows, cols> reads(%w, %g : !plan.buffer<rows, cols, f32>, !plan.buffer<rows, cols, f32>)
        writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32):
      plan.yield %wi : f32
    }
  }
}

// -----

plan.program @sweep_r4_a_yielded_value_is_missing segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>

    // expected-error @below {{'plan.sweep' op region must yield 1 values: 1 writes and 0 reductions}}
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f32>) writes(%w : !plan.buffer<rows, cols, f32>) {
    ^bb0(%wi: f32):
      plan.yield
    }
  }
}

// -----

plan.program @sweep_r4_an_argument_does_not_hold_an_entry segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f64>
    // expected-error @below {{'plan.sweep' op region argument 0 has type 'f32', which does not hold an entry of}}
    plan.sweep over <rows, cols> reads(%w : !plan.buffer<rows, cols, f64>) writes(%w : !plan.buffer<rows, cols, f64>) {
    ^bb0(%wi: f32):
      %x = arith.extf %wi : f32 to f64
      plan.yield %x : f64
    }
  }
}

// -----

plan.program @sweep_r5_a_reduction_is_f64 segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %g = plan.gradient : !plan.buffer<rows, cols, f32>

    %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
    // expected-error @below {{'plan.sweep' op reduces a value of type 'f32'; reductions fold f64}}
    plan.sweep over <rows, cols> reads(%g : !plan.buffer<rows, cols, f32>) reduces [sum] into(%p : !plan.buffer<one,
        tiles, f64>) {
    ^bb0(%gi: f32):
      plan.yield %gi : f32
    }
  }
}

// -----

plan.program @sweep_r6_codes_keep_their_orientation segments 1 {
  plan.track @t class matrix {
    %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, !plan.q8<128, signed>>
    %s = plan.state "m_scale" init value 0.0 scales %m : !plan.buffer<rows, cols, !plan.q8<128, signed>>
        : !plan.buffer<rows, cols, !plan.scale<128>>
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    // expected-error @below {{'plan.sweep' op reads 8-bit codes in the other orientation than its domain's; decode them to scratch in a sweep over <rows, cols> before}}
    plan.sweep over <short, long> reads(%m : !plan.buffer<rows, cols, !plan.q8<128, signed>>)
        writes(%x : !plan.buffer<short, long, f32>) {
    ^bb0(%mi: f32):
      plan.yield %mi : f32
    }
  }
}

// -----

plan.program @pack_r1_the_target_is_panels segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %p = plan.scratch worker : !plan.buffer<long, short, f32>
    // expected-error @below {{'plan.pack' op packs '!plan.buffer<short, long, f32>' into '!plan.buffer<long, short, f32>', which is not panels of its outer and inner extent}}
    plan.pack %x into %p : !plan.buffer<short, long, f32>, !plan.buffer<long, short, f32>
  }
}

// -----

plan.program @pack_r1_the_outer_extent_comes_first segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %p = plan.scratch worker : !plan.buffer<long, short, f32, panels>
    // expected-error @below {{'plan.pack' op packs '!plan.buffer<short, long, f32>', transposed, into '!plan.buffer<long, short, f32, panels>', which is not panels}}
    plan.pack %x transposed into %p : !plan.buffer<short, long, f32>, !plan.buffer<long, short, f32, panels>
  }
}

// -----

plan.program @pack_r2_panels_hold_the_entries segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %p = plan.scratch worker : !plan.buffer<long, short, bf16, panels>
    // expected-error @below {{'plan.pack' op packs '!plan.buffer<short, long, f32>' into '!plan.buffer<long, short, bf16, panels>', which does not hold its entries}}
    plan.pack %x into %p : !plan.buffer<short, long, f32>, !plan.buffer<long, short, bf16, panels>
  }
}

// -----

plan.program @product_r1_inner_extents_differ segments 1 {
  plan.track @t class matrix {
    %l = plan.scratch worker : !plan.buffer<short, long, f32>
    %r = plan.scratch worker : !plan.buffer<short, long, f32>
    %y = plan.scratch worker : !plan.buffer<short, long, f32>
    // expected-error @below {{'plan.product' op sums over long on the left and over short on the right}}
    plan.product %l, %r : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32> over <short, long> writes(%y
        : !plan.buffer<short, long, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}

// -----

plan.program @product_r1_the_domain_is_the_outer_extents segments 1 {
  plan.track @t class matrix {
    %l = plan.scratch worker : !plan.buffer<short, long, f32>
    %r = plan.scratch worker : !plan.buffer<short, long, f32>
    %y = plan.scratch worker : !plan.buffer<short, long, f32>
    // expected-error @below {{'plan.product' op has the domain #plan.domain<short, long>, but the factors' outer extents are <short, short>}}
    plan.product %l, %r transposed : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32> over <short, long>
        writes(%y : !plan.buffer<short, long, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}

// -----

plan.program @product_r2_a_symmetric_product_is_square segments 1 {
  plan.track @t class matrix {
    %l = plan.scratch worker : !plan.buffer<short, short, f32>
    %r = plan.scratch worker : !plan.buffer<short, long, f32>
    %y = plan.scratch worker : !plan.buffer<short, long, f32>
    // expected-error @below {{'plan.product' op is symmetric, but its domain #plan.domain<short, long> is not square}}
    plan.product %l, %r symmetric : !plan.buffer<short, short, f32>, !plan.buffer<short, long, f32> over <short, long>
        writes(%y : !plan.buffer<short, long, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}

// -----

plan.program @product_r3_a_factor_is_not_written segments 1 {
  plan.track @t class matrix {
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    // expected-error @below {{'plan.product' op writes one of its factors; write to another buffer}}
    plan.product %a, %x : !plan.buffer<short, short, f32>, !plan.buffer<short, long, f32> over <short, long> writes(%x
        : !plan.buffer<short, long, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}

// -----

plan.program @product_r4_the_accumulator_is_an_argument segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    // expected-error @below {{'plan.product' op region needs the accumulated entry, f32 or f64, as its first argument}}
    plan.product %x, %x transposed : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32> over <short,
        short> writes(%a : !plan.buffer<short, short, f32>) {
      %c = arith.constant 0.0 : f32
      plan.yield %c : f32
    }
  }
}

// -----

plan.program @product_r5_panels_have_the_type_of_accumulation segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %p = plan.scratch worker : !plan.buffer<short, long, f64, panels>
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    // expected-error @below {{'plan.product' op reads '!plan.buffer<short, long, f64, panels>' for '!plan.buffer<short, long, f32>', transposed; it wants panels of its outer and inner extent in 'f32'}}
    plan.product %x, %x transposed : !plan.buffer<short, long, f32>, !plan.buffer<short, long, f32>
        packed(%p : !plan.buffer<short, long, f64, panels>) over <short, short>
        writes(%a : !plan.buffer<short, short, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}

// -----

plan.program @sweep_r1_panels_are_read_by_products_only segments 1 {
  plan.track @t class matrix {
    %p = plan.scratch worker : !plan.buffer<short, long, f32, panels>
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    // expected-error @below {{'plan.sweep' op reads '!plan.buffer<short, long, f32, panels>', which has neither the extents}}
    plan.sweep over <short, long> reads(%p : !plan.buffer<short, long, f32, panels>)
        writes(%x : !plan.buffer<short, long, f32>) {
    ^bb0(%e: f32):
      plan.yield %e : f32
    }
  }
}

// -----

plan.program @product_r4_the_epilogue_fits_the_domain segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    %a = plan.scratch worker : !plan.buffer<short, short, f32>
    // expected-error @below {{'plan.product' op writes '!plan.buffer<short, long, f32>', which lacks the extents of the domain}}
    plan.product %a, %a : !plan.buffer<short, short, f32>, !plan.buffer<short, short, f32> over <short, short>
        writes(%x : !plan.buffer<short, long, f32>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}

// -----

plan.program @row_fold_r1_tiles_hold_whole_rows segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f64>
    %x = plan.scratch worker : !plan.buffer<short, long, f64>
    plan.sweep over <rows, cols> reads(%x : !plan.buffer<short, long, f64>) writes(%w : !plan.buffer<rows, cols, f64>) {
    ^bb0(%xi: f64):
      // expected-error @below {{'plan.row_fold' op folds a row of a stage that reads a matrix in the other orientation}}
      %s = plan.row_fold sum %xi : f64
      plan.yield %s : f64
    }
  }
}

// -----

plan.program @combine_r1_folds_tiles segments 1 {
  plan.track @t class matrix {
    %p = plan.scratch worker : !plan.buffer<col_blocks, rows, f64>
    // expected-error @below {{'plan.combine' op folds <one, tiles, f64>, not '!plan.buffer<col_blocks, rows, f64>'}}
    %s = plan.combine sum %p : !plan.buffer<col_blocks, rows, f64>
  }
}

// -----

plan.program @fold_r1_folds_blocks segments 1 {
  plan.track @t class matrix {
    %p = plan.scratch worker : !plan.buffer<one, tiles, f64>
    %v = plan.scratch worker : !plan.buffer<one, rows, f32>
    // expected-error @below {{'plan.fold' op folds <col_blocks, X, f64> or <row_blocks, X, f64>, not '!plan.buffer<one, tiles, f64>'}}
    plan.fold sum %p into %v : !plan.buffer<one, tiles, f64>, !plan.buffer<one, rows, f32>
  }
}

// -----

plan.program @fold_r1_the_target_has_what_is_folded segments 1 {
  plan.track @t class matrix {
    %p = plan.scratch worker : !plan.buffer<col_blocks, rows, f64>
    %v = plan.scratch worker : !plan.buffer<one, cols, f32>
    // expected-error @below {{to <one, rows>, not to '!plan.buffer<one, cols, f32>'}}
    plan.fold sum %p into %v : !plan.buffer<col_blocks, rows, f64>, !plan.buffer<one, cols, f32>
  }
}

// -----

plan.program @sweep_sees_its_arguments_only segments 1 {
  plan.track @t class matrix {
    %w = plan.weight : !plan.buffer<rows, cols, f32>
    %zero = arith.constant 0.0 : f32
    // expected-note @below {{required by region isolation constraints}}
    plan.sweep over <rows, cols> writes(%w : !plan.buffer<rows, cols, f32>) {
      // expected-error @below {{using value defined outside the region}}
      plan.yield %zero : f32
    }
  }
}

// -----

plan.program @scalars_see_their_arguments_only segments 1 {
  plan.track @t class matrix {
    %lr = plan.hyper "lr" = 0.1
    // expected-note @below {{required by region isolation constraints}}
    %x = plan.scalars() -> (f64) {
      // expected-error @below {{using value defined outside the region}}
      plan.yield %lr : f64
    }
  }
}

// -----

plan.program @scalars_r1_an_argument_for_each_operand segments 1 {
  plan.track @t class matrix {
    %lr = plan.hyper "lr" = 0.1
    // expected-error @below {{'plan.scalars' op region must have 1 arguments of type f64, one an operand}}
    %x = plan.scalars(%lr) -> (f64) {
      %c = arith.constant 1.0 : f64
      plan.yield %c : f64
    }
  }
}

// -----

plan.program @scalars_r1_a_value_for_each_result segments 1 {
  plan.track @t class matrix {
    %lr = plan.hyper "lr" = 0.1
    // expected-error @below {{'plan.scalars' op region must yield 1 values of type f64, one a result}}
    %x = plan.scalars(%lr) -> (f64) {
    ^bb0(%l: f64):
      plan.yield
    }
  }
}

// -----

// expected-error @below {{a buffer stores f64, f32, bf16, f16, i16, codes or scales, not 'i32'}}
func.func private @buffers_store_numbers(!plan.buffer<rows, cols, i32>)

// -----

// expected-error @below {{blocks are counted by the first extent of a buffer}}
func.func private @blocks_are_counted_first(!plan.buffer<rows, col_blocks, f64>)

// -----

plan.program @diagonal_r1_of_a_wide_domain segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, f32>
    plan.sweep over <short, long> writes(%x : !plan.buffer<short, long, f32>) {
      // expected-error @below {{needs a square domain, but the stage has #plan.domain<short, long>}}
      %d = plan.diagonal : f32
      plan.yield %d : f32
    }
  }
}

// -----

plan.program @choice_r1_of_one segments 1 {
  plan.track @t class matrix {
    // expected-error @below {{chooses among 1 alternatives, but there are two or more}}
    %c = plan.choice ["plain"]
  }
}

// -----

plan.program @random_r1_streams_are_few segments 1 {
  plan.track @t class any {
    %m = plan.state "m" init value 0.0 : !plan.buffer<rows, cols, f32>
    %key = plan.number random
    plan.sweep over <rows, cols> scalars(%key) writes(%m : !plan.buffer<rows, cols, f32>) {
    ^bb0(%k: f64):
      // expected-error @below {{'plan.random' op has stream 4096, but streams are from 0 to 4095}}
      %bits = plan.random %k stream 4096
      %x = arith.uitofp %bits : i32 to f32
      plan.yield %x : f32
    }
  }
}

// -----

// expected-error @below {{a block has 64, 128 or 256 columns, found 0}}
func.func private @Q8_r1_a_block_is_not_empty(!plan.q8<0, signed>)

// -----

// expected-error @below {{a block has 64, 128 or 256 columns, found 48}}
func.func private @Scale_r1_blocks_are_whole_registers(!plan.scale<48>)
