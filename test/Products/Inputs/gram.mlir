// Reductions of a symmetric product, of which one triangle is computed.
descent.optimizer @gram(%w: param, %g: grad, %lr: hyper = 0.5) {
  %y = descent.orient %g : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
  %a = descent.product %y, %y transposed symmetric
    : tensor<?x?xf64, #descent.dims<short, long>>, tensor<?x?xf64, #descent.dims<short, long>>
    to tensor<?x?xf64, #descent.dims<short, short>>
  %squares = descent.reduce sum_squares %a : tensor<?x?xf64, #descent.dims<short, short>> to f64
  %top = descent.reduce max %a : tensor<?x?xf64, #descent.dims<short, short>> to f64
  %least = descent.reduce min %a : tensor<?x?xf64, #descent.dims<short, short>> to f64
  descent.report "squares" = %squares
  descent.report "top" = %top
  descent.report "least" = %least
  %p = descent.product %a, %y
    : tensor<?x?xf64, #descent.dims<short, short>>, tensor<?x?xf64, #descent.dims<short, long>>
    to tensor<?x?xf64, #descent.dims<short, long>>
  %u = descent.orient %p : tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64>
  %rate = descent.broadcast %lr : f64 to tensor<?x?xf64>
  %step = arith.mulf %u, %rate : tensor<?x?xf64>
  %w1 = arith.subf %w, %step : tensor<?x?xf64>
  descent.update %w = %w1 : tensor<?x?xf64>
}
