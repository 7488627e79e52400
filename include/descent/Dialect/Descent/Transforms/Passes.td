// Passes from rules to rules.
#ifndef DESCENT_DIALECT_DESCENT_TRANSFORMS_PASSES_TD
#define DESCENT_DIALECT_DESCENT_TRANSFORMS_PASSES_TD

include "mlir/Pass/PassBase.td"

def InstantiateGroups : Pass<"descent-instantiate-groups", "::mlir::ModuleOp"> {
  let summary = "give every group a rule of its own";
  let description = [{
    Requires a verified module. Clones each group's rule to a private rule `<recipe>_<group>`, puts the group's norm in
    place of `#descent.given` and the group's hyperparameters in place of the rule's defaults, and erases the rules that
    it cloned from or that no group uses. A reduction over the layers of the model gets a name, which all clones of one
    rule share. Guarantees that a group has neither norm nor dictionary, that no two groups share a rule, and that a
    rule says where it comes from: `descent.rule` is the name of the original, `descent.norm` the group's norm as it is
    printed. Leaves shared bodies. Fails when the module has no recipe, or more than one.
  }];
}

def ExpandInitialGradient : Pass<"descent-expand-initial-gradient"> {
  let summary = "let states that start as the gradient start as zero";
  let description = [{
    Requires rules whose gradient is not scaled yet: the gradient that such a state starts as is then scaled as well.
    Replaces every read of a state with `init = grad` by the gradient at a layer's first update and by the state later;
    adds an argument `updates` to rules without one. Guarantees that no state has `init = grad`, and that the stored
    values are the same from the first update on. Leaves other states. Never fails.
  }];
}

def GuardGradients : Pass<"descent-guard-gradients", "::mlir::ModuleOp"> {
  let summary = "turn clipping, skipping, scaling of gradients into operations";
  let description = [{
    Requires at most one recipe, whose groups have rules of their own. Multiplies each rule's gradient by the caller's
    gradient scale and, with clipping, by the number `"scale"` that the body `@<recipe>_guard` publishes:
    `min(1, limit / (norm + 1e-6))`, the norm being |gradient scale| times that of all gradients as they are given.
    With skipping, rules count entries that are NaN or infinite, and the step is skipped when a layer has one. The norm
    is told to the caller with clipping only; its squares are summed in f64, so that gradients stored in f32 cannot
    overflow.

    Without skipping, a NaN in any gradient makes `"scale"`, and with it every parameter, NaN; an infinity makes it
    zero, and infinite entries NaN. This is what `torch.nn.utils.clip_grad_norm_` does.

    Guarantees that the recipe holds groups only; it keeps what it said as the attributes `descent.clip_global_norm` and
    `descent.skip_nonfinite`. Leaves other inputs than the gradient unscaled. Never fails.
  }];
}

def Simplify : Pass<"descent-simplify"> {
  let summary = "algebra that saves passes over memory";
  let description = [{
    Requires rules over the reals. Drops a positive factor from the input of an LMO whose method ignores scale; takes a
    factor out of a dual norm and of sums; takes a sum from those of rows or columns where these are there, also if a
    factor for each of them is put in between; reduces a matrix in the orientation in which it is computed.

    Guarantees that what `update` stores changes by rounding only: a factor stays where the product itself is stored.
    Leaves factors that may not be positive, and methods that add an epsilon. Never fails.
  }];
  let dependentDialects = ["::mlir::arith::ArithDialect", "::mlir::math::MathDialect"];
}

def HoistOrientations : Pass<"descent-hoist-orientations"> {
  let summary = "orient matrices before the element-wise work on them";
  let description = [{
    Requires matrices with their final element types. What is oriented has to be in memory. Where it follows entry by
    entry from another matrix and from numbers, orients that matrix instead and does the work on the result, if it has
    at most as many bits an entry, or is the caller's and not overwritten: `orient(x / s) = orient(x) / s`.
    Guarantees the same operations on every entry. Leaves work on several matrices, and with numbers of rows or columns.
    Never fails.
  }];
}

def ExpandMomentum : Pass<"descent-expand-momentum"> {
  let summary = "write momentum, look-ahead, parameter steps as arithmetic";
  let description = [{
    Requires tensors of f64. Replaces `momentum`, `look_ahead` and `apply` by additions and multiplications; `1 - beta`
    is computed on the number, before it is rounded to the elements' type. Guarantees that none of the three is left.
    Leaves everything else. Never fails.
  }];
}

def ExpandNorms : Pass<"descent-expand-norms"> {
  let summary = "write norms, dual norms, oracles, projections as reductions with arithmetic";
  let description = [{
    Requires rules with norms that have a formula, on tensors of f64. Asks each norm for its formula.
    Guarantees that no operation has a norm. Leaves `orthogonalize`, which such formulas may contain. Fails on
    `#descent.given`.
  }];
}

def ExpandOrthogonalize : Pass<"descent-expand-orthogonalize"> {
  let summary = "write polar factors as matrix products";
  let description = [{
    Requires tensors of f64. Rounds the matrix to the method's type, brings its singular values below 1 as the method
    says, and iterates on the orientation with the short side first, rounding every matrix to the method's type.
    Products take the rounded matrices themselves. The plain form is `A = Y Y^T`, `B = b A + c A A`, `Y = a Y + B Y` at
    every step; the Gram form multiplies short by short matrices, and `Y` at the end of each block of steps. With
    `form=auto` a method in form `auto` gets both, joined by `descent.choose`. A polar factor that only meets its own
    matrix in inner products, as in a nuclear norm, is not computed unless the form is plain or its blocks are
    inaccurate: the inner product follows from the last block's Gram matrix.

    Guarantees that no `orthogonalize` is left, that zero stays zero, and that a rule's attribute `descent.methods` says
    in words which methods it had. Leaves everything else; a form that the method names is the only one, and methods
    whose Gram form is no other computation have the plain one. Fails on another form.
  }];
  let options = [
    Option<"form", "form", "std::string", "\"auto\"", "of the methods that leave it open: auto, plain or gram">];
}

def OrientStorage : Pass<"descent-orient-storage", "::mlir::ModuleOp"> {
  let summary = "let rows be the rows of memory";
  let description = [{
    Requires groups with rules of their own, and norms that are expanded. A rule calls outputs rows; a matrix that is
    stored `in_out` has its inputs there. For such groups, exchanges rows and columns in sizes, shapes and roles. A
    product becomes that of the transposes in the opposite order; what is oriented by its short side stays as it is.
    Vectors are stored as one row, whatever the group says. Guarantees that nothing but documentation depends on
    `stored`; a rule that was turned has the attribute `descent.as_stored`, and is not turned again. Leaves groups that
    are stored `out_in`. Fails on a product with a transposed factor over rows or columns.
  }];
}

def Narrow : Pass<"descent-narrow"> {
  let summary = "compute on matrices in the policy's element type";
  let description = [{
    Requires rules whose tensors are reals, which is to say f64, except where a method rounds. With `compute=f32`
    matrices of f64 become f32 and roundings to f32 disappear; with `compute=f64`, the policy for checks, all become f64
    and no rounding is left.
    Guarantees that numbers stay f64, be they one a rule, a row or a column: what depends on hyperparameters, steps and
    shapes alone is exact, and the square of a small entry does not vanish in a sum. Leaves shapes. Fails on another
    element type.
  }];
  let options = [Option<"compute", "compute", "std::string", "\"f32\"", "element type of matrices: f32 or f64">];
}

#endif // DESCENT_DIALECT_DESCENT_TRANSFORMS_PASSES_TD
