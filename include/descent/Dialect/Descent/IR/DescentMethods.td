// Methods: how a matrix function is computed, as data.
#ifndef DESCENT_DIALECT_DESCENT_IR_DESCENTMETHODS_TD
#define DESCENT_DIALECT_DESCENT_IR_DESCENTMETHODS_TD

include "descent/Dialect/Descent/IR/DescentDialect.td"

def Descent_Coefficients : Descent_Enum<"Coefficients", "where the coefficients of the steps come from", [
  I32EnumAttrCase<"Jordan", 0, "jordan">,               // KellerJordan/Muon: (3.4445, -4.7750, 2.0315) at every step
  I32EnumAttrCase<"You", 1, "you">,                     // five steps
  I32EnumAttrCase<"PolarExpress", 2, "polar_express">,  // arXiv 2505.16932, with a safety factor; row 8 repeats
  I32EnumAttrCase<"Cans", 3, "cans">,                   // arXiv 2506.10935, degree 5; row 5 repeats
  I32EnumAttrCase<"Turbo", 4, "turbo">,                 // arXiv 2512.04632, four steps
  I32EnumAttrCase<"Explicit", 5, "explicit">            // the attribute's own list
]>;

def Descent_NormalizeKind : Descent_Enum<"NormalizeKind", "what a matrix is divided by before the iteration", [
  I32EnumAttrCase<"Add", 0, "add">,  // scale * |X|_F + epsilon
  I32EnumAttrCase<"Max", 1, "max">   // max(scale * |X|_F, epsilon)
]>;

def Descent_Precondition : Descent_Enum<"Precondition", "how singular values come to lie below 1", [
  I32EnumAttrCase<"Frobenius", 0, "frobenius">,  // one divisor for the whole matrix
  I32EnumAttrCase<"Aol", 1, "aol">               // one a row of the short side, of the Gram matrix's row sums
]>;

def Descent_Form : Descent_Enum<"Form", "which matrices an iteration multiplies", [
  I32EnumAttrCase<"Auto", 0, "auto">,   // the cheaper one for a layer's shape
  I32EnumAttrCase<"Plain", 1, "plain">, // the wide matrix at every step
  I32EnumAttrCase<"Gram", 2, "gram">    // its Gram matrix, and the wide one at restarts and at the end
]>;

def Descent_NewtonSchulzAttr : AttrDef<Descent_Dialect, "NewtonSchulz"> {
  let mnemonic = "newton_schulz";
  let summary = "polar factor by an odd quintic iteration";
  let description = [{
    Brings the singular values below 1, then repeats `Y <- a Y + (b A + c A^2) Y` with `A = Y Y^T` on the wide
    orientation. The coefficients are a published list or `[[a, b, c], ...]`; a list that ends repeats its last row, but
    `you`, `turbo` and one's own have no more steps than rows. `safety` divides the rows of `polar_express`, but its
    last, by its first, third and fifth power (1.01 unless said). `compute` is the type that every intermediate matrix
    is rounded to (products accumulate in the policy's compute type). Without `compute` nothing is rounded, and under
    the f64 policy nothing ever is.

    `normalize`, `scale` and `epsilon` say what X is divided by: `scale |X|_F + epsilon` or `max(scale |X|_F, epsilon)`.
    With `precondition = aol` each row of the wide orientation is then divided by the root of its sum of `|Y Y^T|`: the
    result is the polar factor of the matrix with rows so scaled.

    `form = gram` iterates on the Gram matrix: a block of steps computes a polynomial `Q` of `Y Y^T`, and `Y <- Q Y`
    ends it. `restarts` lists the steps at which another block begins. In exact arithmetic this is the same; rounded,
    what a block gets wrong grows with its length and slopes, so lists have restarts of their own for bf16 and for wider
    types, one's own list by its slopes; blocks that amplify rounding without bound are refused. A method
    whose every step would begin a block (`cans` in bf16, and one's own list there unless restarts are given) has the
    plain form only. `form = auto` compiles both, and each layer runs the one that its shape makes cheaper.

    For singular values from 1e-3 to 1 times the Frobenius norm, those of the result lie in 0.47 .. 1.20 for `jordan`,
    0.47 .. 1.15 for `you`, 0.84 .. 1.13 for `polar_express` with 5 steps and within 1e-6 of 1 with 8, 0.88 .. 1.12 for
    `cans`, 0.14 .. 1.05 for `turbo`. At zero the result is zero.

    ```mlir
    func.func private @f() attributes {
      muon = #descent.newton_schulz<jordan, steps = 5, normalize = add, scale = 1.0, epsilon = 1.0e-7,
        compute = bf16>,
      gram = #descent.newton_schulz<polar_express, safety = 1.05, scale = 1.0, form = gram, restarts = [2]>,
      turbo = #descent.newton_schulz<turbo, precondition = aol, compute = bf16>,
      own = #descent.newton_schulz<[[1.875, -1.25, 0.375], [1.875, -1.25, 0.375]]>}
    ```
  }];
  let parameters = (ins EnumParameter<Descent_Coefficients>:$coefficients,
    ArrayRefParameter<"::descent::Real", "a, b and c of every step of one's own list">:$rows,
    "int64_t":$steps, "::descent::Real":$safety, "::descent::Precondition":$precondition,
    "::descent::NormalizeKind":$normalize, "::descent::Real":$scale, "::descent::Real":$epsilon,
    OptionalParameter<"::mlir::FloatType">:$compute, "::descent::Form":$form,
    ArrayRefParameter<"int64_t", "steps that begin a block of the Gram form">:$restarts);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    struct Step { double a, b, c; };
    /// Steps that share one Gram matrix, from `begin` to before `end`.
    struct Block { int64_t begin, end; };

    /// The coefficients of step `index`, from 0.
    Step getStep(int64_t index) const;
    /// Where a singular value goes.
    double apply(double singularValue) const;
    /// Whether the result is the polar factor to 1e-5 for well-conditioned input, so that it serves as a dual norm.
    bool isAccurate() const;
    /// The blocks of the Gram form.
    ::llvm::SmallVector<Block> getBlocks() const;
    /// Whether rounding in the blocks of the Gram form leaves a dual norm accurate to 1e-5, also of singular matrices.
    bool hasAccurateBlocks() const;
    /// Whether the Gram form is another computation than the plain one.
    bool hasGramForm() const;
    /// The method and its accuracy in words.
    std::string describe() const;
    /// Where blocks begin unless the method says so.
    static ::llvm::SmallVector<int64_t> getDefaultRestarts(Coefficients coefficients, ::llvm::ArrayRef<Real> rows,
                                                           double safety, int64_t steps, ::mlir::FloatType compute);
    /// Jordan's list as Muon uses it, in bf16.
    static NewtonSchulzAttr getDirection(::mlir::MLIRContext *context);
    /// Eight steps of Polar Express in f32.
    static NewtonSchulzAttr getDual(::mlir::MLIRContext *context);
  }];
}

#endif // DESCENT_DIALECT_DESCENT_IR_DESCENTMETHODS_TD
