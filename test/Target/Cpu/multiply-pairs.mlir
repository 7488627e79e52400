// RUN: descent-opt %s -cpu-multiply-pairs | FileCheck %s

#pairs = affine_map<(lane, entry) -> (lane, entry)>
#lanes = affine_map<(lane, entry) -> (lane)>

// CHECK-LABEL: @pairs_are_a_dot_product
// CHECK-SAME: (%[[A:.*]]: vector<32xbf16>, %[[B:.*]]: vector<32xbf16>, %[[SUM:.*]]: vector<16xf32>)
// CHECK: x86vector.avx512.dot %[[SUM]], %[[A]], %[[B]] : vector<32xbf16> -> vector<16xf32>
func.func @pairs_are_a_dot_product(%a: vector<32xbf16>, %b: vector<32xbf16>, %sum: vector<16xf32>) -> vector<16xf32> {
  %x = vector.shape_cast %a : vector<32xbf16> to vector<16x2xbf16>
  %y = vector.shape_cast %b : vector<32xbf16> to vector<16x2xbf16>
  %z = vector.contract {indexing_maps = [#pairs, #pairs, #lanes], iterator_types = ["parallel", "reduction"],
                        kind = #vector.kind<add>} %x, %y, %sum
      : vector<16x2xbf16>, vector<16x2xbf16> into vector<16xf32>
  return %z : vector<16xf32>
}

// CHECK-LABEL: @another_shape_another_type_and_maxima_are_left
// CHECK-COUNT-3: vector.contract
func.func @another_shape_another_type_and_maxima_are_left(%a: vector<8x2xbf16>, %b: vector<16x2xf16>,
    %c: vector<16x2xbf16>, %sum: vector<8xf32>, %sum2: vector<16xf32>)
    -> (vector<8xf32>, vector<16xf32>, vector<16xf32>) {
  %x = vector.contract {indexing_maps = [#pairs, #pairs, #lanes], iterator_types = ["parallel", "reduction"],
                        kind = #vector.kind<add>} %a, %a, %sum
      : vector<8x2xbf16>, vector<8x2xbf16> into vector<8xf32>
  %y = vector.contract {indexing_maps = [#pairs, #pairs, #lanes], iterator_types = ["parallel", "reduction"],
                        kind = #vector.kind<add>} %b, %b, %sum2
      : vector<16x2xf16>, vector<16x2xf16> into vector<16xf32>
  %z = vector.contract {indexing_maps = [#pairs, #pairs, #lanes], iterator_types = ["parallel", "reduction"],
                        kind = #vector.kind<maximumf>} %c, %c, %sum2
      : vector<16x2xbf16>, vector<16x2xbf16> into vector<16xf32>
  return %x, %y, %z : vector<8xf32>, vector<16xf32>, vector<16xf32>
}
