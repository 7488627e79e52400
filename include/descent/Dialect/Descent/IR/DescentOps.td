// Operations of the bodies of rules.
#ifndef DESCENT_DIALECT_DESCENT_IR_DESCENTOPS_TD
#define DESCENT_DIALECT_DESCENT_IR_DESCENTOPS_TD

include "descent/Dialect/Descent/IR/DescentRules.td"

//===----------------------------------------------------------------------===//
// Momentum and updates
//===----------------------------------------------------------------------===//

def Descent_MomentumOp : Descent_Op<"momentum", [Pure, AllTypesMatch<["state", "value", "result"]>]> {
  let summary = "average of a value over the steps";
  let description = [{ `ema`: `beta state + (1 - beta) value`; `heavy_ball`: `beta state + value`. }];
  let arguments = (ins Descent_MomentumKind:$kind, Descent_Value:$state, Descent_Value:$value, F64:$beta);
  let results = (outs Descent_Value:$result);
  let assemblyFormat = "$kind $state `,` $value `,` $beta attr-dict `:` type($result)";
  let hasCanonicalizer = 1;
}

def Descent_LookAheadOp : Descent_Op<"look_ahead", [Pure, AllTypesMatch<["momentum", "gradient", "result"]>]> {
  let summary = "Nesterov's mix of the new momentum and the gradient";
  let description = [{
    `ema`: `beta momentum + (1 - beta) gradient`; `heavy_ball`: `beta momentum + gradient`.

    ```mlir
    func.func @nesterov(%w: tensor<?x?xf64>, %m: tensor<?x?xf64>, %g: tensor<?x?xf64>, %beta: f64, %eta: f64)
        -> tensor<?x?xf64> {
      %m1 = descent.momentum ema %m, %g, %beta : tensor<?x?xf64>
      %u = descent.look_ahead ema %m1, %g, %beta : tensor<?x?xf64>
      %w1 = descent.apply %w, %u, %eta : tensor<?x?xf64>
      return %w1 : tensor<?x?xf64>
    }
    ```
  }];
  let arguments = (ins Descent_MomentumKind:$kind, Descent_Value:$momentum, Descent_Value:$gradient, F64:$beta);
  let results = (outs Descent_Value:$result);
  let assemblyFormat = "$kind $momentum `,` $gradient `,` $beta attr-dict `:` type($result)";
}

def Descent_ApplyOp : Descent_Op<"apply", [Pure, AllTypesMatch<["parameter", "direction", "result"]>]> {
  let summary = "parameter plus a step along a direction";
  let description = [{ `parameter + eta direction`; LMOs are minimisers, so eta is positive for descent along one. }];
  let arguments = (ins Descent_Matrix:$parameter, Descent_Matrix:$direction, F64:$eta);
  let results = (outs Descent_Matrix:$result);
  let assemblyFormat = "$parameter `,` $direction `,` $eta attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

class Descent_NormQueryOp<string mnemonic, list<Trait> traits = []> : Descent_Op<mnemonic, [Pure] # traits> {
  let hasVerifier = 1;
}

def Descent_NormOp : Descent_NormQueryOp<"norm"> {
  let summary = "norm of a tensor";
  let description = [{
    Of a tensor without entries it is 0.

    Rules:
    * (R1) the norm has a formula for itself (the spectral norm has none without an iteration of its own).
  }];
  let arguments = (ins Descent_NormAttrInterface:$norm, Descent_Matrix:$operand);
  let results = (outs F64:$result);
  let assemblyFormat = "$norm `,` $operand attr-dict `:` type($operand)";
}

def Descent_DualNormOp : Descent_NormQueryOp<"dual_norm"> {
  let summary = "dual norm of a tensor: its largest inner product with the unit ball";
  let description = [{
    `dual_norm(x) = -<x, lmo(x)>`.

    Rules:
    * (R1) the norm's method for it is accurate, or the norm is marked approximate.

    ```mlir
    func.func @inside(%w: tensor<?x?xf64>, %g: tensor<?x?xf64>, %radius: f64) -> (tensor<?x?xf64>, f64, f64) {
      %p = descent.project #descent.row, %w, %radius : tensor<?x?xf64>
      %size = descent.norm #descent.row, %p : tensor<?x?xf64>
      %slope = descent.dual_norm #descent.row, %g : tensor<?x?xf64>
      return %p, %size, %slope : tensor<?x?xf64>, f64, f64
    }
    ```
  }];
  let arguments = (ins Descent_NormAttrInterface:$norm, Descent_Matrix:$operand);
  let results = (outs F64:$result);
  let assemblyFormat = "$norm `,` $operand attr-dict `:` type($operand)";
  let hasCanonicalizer = 1;
}

def Descent_LmoOp : Descent_NormQueryOp<"lmo", [SameOperandsAndResultType]> {
  let summary = "steepest-descent direction under a norm";
  let description = [{
    The point of the unit ball of `norm` with the least inner product with `direction`. At zero it is zero. A NaN in the
    direction gives NaN. Every norm has one.

    ```mlir
    func.func @polar(%m: tensor<?x?xf64>) -> tensor<?x?xf64> {
      %u = descent.lmo #descent.spectral, %m : tensor<?x?xf64>
      return %u : tensor<?x?xf64>
    }
    ```
  }];
  let arguments = (ins Descent_NormAttrInterface:$norm, Descent_Matrix:$direction);
  let results = (outs Descent_Matrix:$result);
  let assemblyFormat = "$norm `,` $direction attr-dict `:` type($result)";
}

def Descent_ProjectOp : Descent_NormQueryOp<"project", [AllTypesMatch<["operand", "result"]>]> {
  let summary = "nearest point of a norm's ball";
  let description = [{
    Nearest in l2, to the ball of `radius`.

    Rules:
    * (R1) the norm has a projection with a fixed number of operations.
  }];
  let arguments = (ins Descent_NormAttrInterface:$norm, Descent_Matrix:$operand, F64:$radius);
  let results = (outs Descent_Matrix:$result);
  let assemblyFormat = "$norm `,` $operand `,` $radius attr-dict `:` type($result)";
}

def Descent_OrthogonalizeOp : Descent_Op<"orthogonalize", [Pure, SameOperandsAndResultType]> {
  let summary = "polar factor U V^T of a matrix";
  let description = [{
    As the method computes it; 0 at 0.

    ```mlir
    func.func @polar_factor(%m: tensor<?x?xf64>) -> tensor<?x?xf64> {
      %o = descent.orthogonalize #descent.newton_schulz<polar_express, steps = 8>, %m : tensor<?x?xf64>
      return %o : tensor<?x?xf64>
    }
    ```
  }];
  let arguments = (ins Descent_NewtonSchulzAttr:$method, Descent_Matrix:$operand);
  let results = (outs Descent_Matrix:$result);
  let assemblyFormat = "qualified($method) `,` $operand attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Between numbers, rows and matrices
//===----------------------------------------------------------------------===//

def Descent_BroadcastOp : Descent_Op<"broadcast", [Pure]> {
  let summary = "number, or one a row or column, for every entry";
  let description = [{
    With `reduce`, the only bridge between numbers and tensors; rounds to the result's element type.

    Rules:
    * (R1) the operand is an f64 or has one number for each index of one of the result's sides.

    ```mlir
    func.func @times_cosine(%g: tensor<?x?xf64>, %m: tensor<?x?xf64>) -> tensor<?x?xf64> {
      %dot = descent.inner %g, %m : tensor<?x?xf64>
      %g2 = descent.reduce sum_squares %g : tensor<?x?xf64> to f64
      %cosine = arith.divf %dot, %g2 : f64
      %cosines = descent.broadcast %cosine : f64 to tensor<?x?xf64>
      %x = arith.mulf %m, %cosines : tensor<?x?xf64>
      return %x : tensor<?x?xf64>
    }
    ```
  }];
  let arguments = (ins Descent_Value:$operand);
  let results = (outs Descent_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `to` type($result)";
  let hasVerifier = 1;
}

def Descent_ReduceOp : Descent_Op<"reduce", [Pure]> {
  let summary = "sum, sum of squares, maximum or minimum over entries";
  let description = [{
    The result type says what is kept: f64 (nothing), `tensor<?xf64, #descent.dims<rows>>` (one number a row), or one a
    column; of a square matrix, one a row. Accumulates in f64, in an order that depends on the shape only. A NaN gives
    NaN. Of no entries: 0, -inf or inf.

    Rules:
    * (R1) the result is f64 or has one number for each index of one of the operand's sides.

    ```mlir
    func.func @mean_over_columns(%x: tensor<?x?xf64>) -> tensor<?xf64, #descent.dims<rows>> {
      %sum = descent.reduce sum %x : tensor<?x?xf64> to tensor<?xf64, #descent.dims<rows>>
      %n = descent.size cols
      %ns = descent.broadcast %n : f64 to tensor<?xf64, #descent.dims<rows>>
      %mean = arith.divf %sum, %ns : tensor<?xf64, #descent.dims<rows>>
      return %mean : tensor<?xf64, #descent.dims<rows>>
    }
    ```
  }];
  let arguments = (ins Descent_ReduceKind:$kind, Descent_Tensor:$operand);
  let results = (outs Descent_Value:$result);
  let assemblyFormat = "$kind $operand attr-dict `:` type($operand) `to` type($result)";
  let hasVerifier = 1;
}

def Descent_InnerOp : Descent_Op<"inner", [Pure, SameTypeOperands]> {
  let summary = "inner product of two tensors";
  let description = [{ Accumulates in f64, as `reduce` does. }];
  let arguments = (ins Descent_Tensor:$lhs, Descent_Tensor:$rhs);
  let results = (outs F64:$result);
  let assemblyFormat = "$lhs `,` $rhs attr-dict `:` type($lhs)";
}

def Descent_SizeOp : Descent_Op<"size", [Pure]> {
  let summary = "size of the parameter, as a real number";
  let description = [{
    `rows` is the number of outputs and `cols` of inputs, whichever way the matrix is stored. A vector has one row.
  }];
  let arguments = (ins Descent_Side:$side);
  let results = (outs F64:$result);
  let assemblyFormat = "$side attr-dict";
}

def Descent_OrientOp : Descent_Op<"orient", [Pure]> {
  let summary = "matrix with its short side first, or back";
  let description = [{
    Transposes tall matrices, and only those: every matrix function is written once, for wide matrices.

    Rules:
    * (R1) one type is shaped like the parameter, the other is its `#descent.dims<short, long>` form, with the same
      element type.

    ```mlir
    func.func @gram(%x: tensor<?x?xf64>) -> tensor<?x?xf64, #descent.dims<short, short>> {
      %y = descent.orient %x : tensor<?x?xf64> to tensor<?x?xf64, #descent.dims<short, long>>
      %a = descent.product %y, %y transposed symmetric
          : tensor<?x?xf64, #descent.dims<short, long>>, tensor<?x?xf64, #descent.dims<short, long>>
          to tensor<?x?xf64, #descent.dims<short, short>>
      return %a : tensor<?x?xf64, #descent.dims<short, short>>
    }
    ```
  }];
  let arguments = (ins Descent_Tensor:$operand);
  let results = (outs Descent_Tensor:$result);
  let assemblyFormat = "$operand attr-dict `:` type($operand) `to` type($result)";
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

def Descent_ProductOp : Descent_Op<"product", [Pure]> {
  let summary = "matrix product";
  let description = [{
    `lhs rhs`, or `lhs rhs^T` with `transposed`. Accumulates in the result's element type. With `symmetric` the product
    is known to be symmetric, and half of it may be computed.

    Rules:
    * (R1) the operands have dims, their inner sides agree, and the result has the outer ones.
    * (R2) with `symmetric`, the result is square.
  }];
  let arguments = (ins Descent_Tensor:$lhs, Descent_Tensor:$rhs, UnitAttr:$transposed, UnitAttr:$symmetric);
  let results = (outs Descent_Tensor:$result);
  let assemblyFormat = [{
    $lhs `,` $rhs (`transposed` $transposed^)? (`symmetric` $symmetric^)? attr-dict
    `:` type($lhs) `,` type($rhs) `to` type($result)
  }];
  let hasVerifier = 1;
}

def Descent_IdentityOp : Descent_Op<"identity", [Pure]> {
  let summary = "identity matrix";
  let description = [{
    1 on the diagonal, 0 elsewhere.

    Rules:
    * (R1) the result is square.

    ```mlir
    func.func @shifted(%a: tensor<?x?xf64, #descent.dims<short, short>>)
        -> tensor<?x?xf64, #descent.dims<short, short>> {
      %i = descent.identity : tensor<?x?xf64, #descent.dims<short, short>>
      %s = arith.addf %a, %i : tensor<?x?xf64, #descent.dims<short, short>>
      return %s : tensor<?x?xf64, #descent.dims<short, short>>
    }
    ```
  }];
  let results = (outs Descent_Tensor:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Descent_ChooseOp : Descent_Op<"choose", [Pure, SameOperandsAndResultType]> {
  let summary = "one of several values that are equal up to rounding";
  let description = [{
    Every alternative is compiled; which one is computed is decided when a plan is made, for each layer by its shape,
    as the cheapest one. What only the others need is then not computed.

    Rules:
    * (R1) there are two alternatives or more, and each has a name of its own.

    ```mlir
    func.func @associative(%a: tensor<?x?xf64, #descent.dims<short, short>>,
        %x: tensor<?x?xf64, #descent.dims<short, long>>) -> tensor<?x?xf64, #descent.dims<short, long>> {
      %ax = descent.product %a, %x : tensor<?x?xf64, #descent.dims<short, short>>,
          tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
      %aax = descent.product %a, %ax : tensor<?x?xf64, #descent.dims<short, short>>,
          tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
      %aa = descent.product %a, %a : tensor<?x?xf64, #descent.dims<short, short>>,
          tensor<?x?xf64, #descent.dims<short, short>> to tensor<?x?xf64, #descent.dims<short, short>>
      %once = descent.product %aa, %x : tensor<?x?xf64, #descent.dims<short, short>>,
          tensor<?x?xf64, #descent.dims<short, long>> to tensor<?x?xf64, #descent.dims<short, long>>
      %y = descent.choose ["twice", "squared"](%aax, %once) : tensor<?x?xf64, #descent.dims<short, long>>
      return %y : tensor<?x?xf64, #descent.dims<short, long>>
    }
    ```
  }];
  let arguments = (ins StrArrayAttr:$names, Variadic<Descent_Value>:$alternatives);
  let results = (outs Descent_Value:$result);
  let assemblyFormat = "$names `(` $alternatives `)` attr-dict `:` type($result)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===----------------------------------------------------------------------===//
// Where layers meet
//===----------------------------------------------------------------------===//

def Descent_OverLayersOp : Descent_Op<"over_layers", [Pure, HasParent<"OptimizerOp">]> {
  let summary = "sum, maximum or minimum of a number over layers";
  let description = [{
    Of all layers of the `group`, of the batch members of one `parameter`, or of all layers of the `model` whose groups
    use this rule. Absent layers are left out. When groups are instantiated, a reduction over the model gets the name by
    which the copies of its rule know each other.

    Rules:
    * (R1) only a reduction over the model has a name.

    ```mlir
    descent.optimizer @normalized(%w: param, %g: grad, %lr: hyper = 0.1) {
      %g2 = descent.reduce sum_squares %g : tensor<?x?xf64> to f64
      %all = descent.over_layers sum %g2 in group
      %norm = math.sqrt %all : f64
      %rate = arith.divf %lr, %norm : f64
      %eta = arith.negf %rate : f64
      %w1 = descent.apply %w, %g, %eta : tensor<?x?xf64>
      descent.report "gradient_norm" = %norm
      descent.update %w = %w1 : tensor<?x?xf64>
    }
    ```
  }];
  let arguments = (ins Descent_CombineKind:$kind, F64:$value, Descent_Reach:$reach, OptionalAttr<StrAttr>:$total);
  let results = (outs F64:$result);
  let assemblyFormat = "$kind $value `in` $reach (`named` $total^)? attr-dict";
  let hasVerifier = 1;
}

def Descent_ContributeOp : Descent_Op<"contribute", [HasParent<"OptimizerOp">]> {
  let summary = "adds this layer's number to a named total of the model";
  let description = [{ Of all layers of all groups whose rules contribute; `descent.shared` reads the total. }];
  let arguments = (ins Descent_CombineKind:$kind, F64:$value, FlatSymbolRefAttr:$total);
  let assemblyFormat = "$kind $value `to` $total attr-dict";
}

def Descent_TotalOp : Descent_Op<"total", [Pure, HasParent<"SharedOp">,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "named total over all layers that contribute to it";
  let description = [{
    Of no layer: 0, -inf or inf.

    Rules:
    * (R1) everything that contributes to the total does so in the same way.
  }];
  let arguments = (ins Descent_CombineKind:$kind, FlatSymbolRefAttr:$total);
  let results = (outs F64:$result);
  let assemblyFormat = "$kind $total attr-dict `:` type($result)";
}

def Descent_PublishOp : Descent_Op<"publish", [HasParent<"SharedOp">]> {
  let summary = "gives a number to the rules that ask for it";
  let description = [{ Rules ask by `descent.published`. }];
  let arguments = (ins StrAttr:$name, F64:$value);
  let assemblyFormat = "$name `=` $value attr-dict";
}

def Descent_PublishedOp : Descent_Op<"published", [Pure, HasParent<"OptimizerOp">,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "number that a shared body publishes";
  let description = [{
    Rules:
    * (R1) there is such a shared body, and it publishes this name.
  }];
  let arguments = (ins FlatSymbolRefAttr:$shared, StrAttr:$name);
  let results = (outs F64:$result);
  let assemblyFormat = "$shared $name attr-dict";
}

def Descent_SkipWhenOp : Descent_Op<"skip_when", [HasParent<"SharedOp">]> {
  let summary = "skips the whole step when a number is above zero or NaN";
  let description = [{
    No parameter and no state is written then, counts of updates included.

    ```mlir
    descent.shared @guard() {
      %bad = descent.total sum @nonfinite : f64
      descent.skip_when %bad
      %squares = descent.total sum @squares : f64
      %norm = math.sqrt %squares : f64
      descent.gradient_norm %norm
    }
    descent.optimizer @careful(%w: param, %g: grad, %lr: hyper = 0.1) {
      %squares = descent.reduce sum_squares %g : tensor<?x?xf64> to f64
      descent.contribute sum %squares to @squares
      %zero = arith.constant 0.0 : f64
      %one = arith.constant 1.0 : f64
      %difference = arith.subf %squares, %squares : f64
      %finite = arith.cmpf oeq, %difference, %zero : f64
      %bad = arith.select %finite, %zero, %one : f64
      descent.nonfinite %bad
      descent.contribute sum %bad to @nonfinite
      %eta = arith.negf %lr : f64
      %w1 = descent.apply %w, %g, %eta : tensor<?x?xf64>
      descent.update %w = %w1 : tensor<?x?xf64>
    }
    ```
  }];
  let arguments = (ins F64:$value);
  let assemblyFormat = "$value attr-dict";
}

def Descent_GradientNormOp : Descent_Op<"gradient_norm", [HasParent<"SharedOp">]> {
  let summary = "tells the caller the norm of all gradients";
  let description = [{ Before clipping. Without it the caller is told NaN. }];
  let arguments = (ins F64:$value);
  let assemblyFormat = "$value attr-dict";
}

def Descent_NonfiniteOp : Descent_Op<"nonfinite", [HasParent<"OptimizerOp">]> {
  let summary = "tells the caller that this layer's gradient has a NaN or infinity: a number above zero";
  let description = [{ The caller is told the first such layer. }];
  let arguments = (ins F64:$value);
  let assemblyFormat = "$value attr-dict";
}

def Descent_GradientScaleOp : Descent_Op<"gradient_scale", [Pure]> {
  let summary = "factor by which the caller wants every gradient multiplied";
  let description = [{
    For accumulation and loss scaling. A rule's `%g` is multiplied by it already (and by the clipping factor), so only
    what is told about the raw gradients needs it.

    ```mlir
    descent.optimizer @tells(%w: param, %g: grad) {
      %scale = descent.gradient_scale
      descent.report "scale" = %scale
      %w1 = arith.subf %w, %g : tensor<?x?xf64>
      descent.update %w = %w1 : tensor<?x?xf64>
    }
    ```
  }];
  let results = (outs F64:$result);
  let assemblyFormat = "attr-dict";
}

def Descent_ReportOp : Descent_Op<"report", [HasParent<"OptimizerOp">]> {
  let summary = "names a number of this layer that the caller may ask for";
  let description = [{
    Asking changes no bit of any parameter.

    Rules:
    * (R1) the name is a C identifier.
  }];
  let arguments = (ins StrAttr:$name, F64:$value);
  let assemblyFormat = "$name `=` $value attr-dict";
  let hasVerifier = 1;
}

#endif // DESCENT_DIALECT_DESCENT_IR_DESCENTOPS_TD
