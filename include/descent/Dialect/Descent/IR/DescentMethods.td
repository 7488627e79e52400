// Methods: how a matrix function is computed, as data.
#ifndef DESCENT_DIALECT_DESCENT_IR_DESCENTMETHODS_TD
#define DESCENT_DIALECT_DESCENT_IR_DESCENTMETHODS_TD

include "descent/Dialect/Descent/IR/DescentDialect.td"

def Descent_Coefficients : Descent_Enum<"Coefficients", "a published list of Newton-Schulz coefficients", [
  I32EnumAttrCase<"Jordan", 0, "jordan">,              // KellerJordan/Muon: (3.4445, -4.7750, 2.0315) at every step
  I32EnumAttrCase<"You", 1, "you">,                    // five steps
  I32EnumAttrCase<"PolarExpress", 2, "polar_express">  // arXiv 2505.16932, safety factor 1.01; row 8 repeats
]>;

def Descent_NormalizeKind : Descent_Enum<"NormalizeKind", "what a matrix is divided by before the iteration", [
  I32EnumAttrCase<"Add", 0, "add">,  // scale * |X|_F + epsilon
  I32EnumAttrCase<"Max", 1, "max">   // max(scale * |X|_F, epsilon)
]>;

def Descent_NewtonSchulzAttr : AttrDef<Descent_Dialect, "NewtonSchulz"> {
  let mnemonic = "newton_schulz";
  let summary = "polar factor by an odd quintic iteration";
  let description = [{
    Divides by the Frobenius norm, then repeats `Y <- a Y + (b A + c A^2) Y` with `A = Y Y^T` on the wide orientation.
    The coefficients are a published list; `normalize` says what is divided by, `compute` is the type that every
    intermediate matrix is rounded to (products accumulate in the policy's compute type). Without `compute` nothing is
    rounded, and under the f64 policy nothing ever is.

    For singular values from 1e-3 to 1 times the Frobenius norm, those of the result lie in 0.47 .. 1.20 for `jordan`,
    in 0.84 .. 1.13 for `polar_express` with 5 steps, and within 1e-6 of 1 with 8. At zero the result is zero.

    ```mlir
    func.func private @f() attributes {
      method = #descent.newton_schulz<jordan, steps = 5, normalize = add, scale = 1.0, epsilon = 1.0e-7,
        compute = bf16>}
    ```
  }];
  let parameters = (ins EnumParameter<Descent_Coefficients>:$coefficients,
    DefaultValuedParameter<"int64_t", "5">:$steps,
    DefaultValuedParameter<"::descent::NormalizeKind", "::descent::NormalizeKind::Add">:$normalize,
    DefaultValuedParameter<"::descent::Real", "1.0">:$scale,
    DefaultValuedParameter<"::descent::Real", "1.0e-7">:$epsilon,
    OptionalParameter<"::mlir::FloatType">:$compute);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    struct Step { double a, b, c; };
    /// The coefficients of step `index`, from 0.
    Step getStep(int64_t index) const;
    /// Whether the result is the polar factor to 1e-5 for well-conditioned input, so that it serves as a dual norm.
    bool isAccurate() const;
    /// Jordan's list as Muon uses it, in bf16.
    static NewtonSchulzAttr getDirection(::mlir::MLIRContext *context);
    /// Eight steps of Polar Express in f32.
    static NewtonSchulzAttr getDual(::mlir::MLIRContext *context);
  }];
}

#endif // DESCENT_DIALECT_DESCENT_IR_DESCENTMETHODS_TD
