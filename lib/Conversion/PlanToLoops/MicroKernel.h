// The functions that multiply: sums of a few rows of the left factor by one panel of the right one.
#ifndef DESCENT_LIB_CONVERSION_PLANTOLOOPS_MICROKERNEL_H
#define DESCENT_LIB_CONVERSION_PLANTOLOOPS_MICROKERNEL_H

#include "Kernel.h"
#include "ProductBlocking.h"

namespace descent::plan {

/// Operands of one call.
struct PanelProduct {
  mlir::Value left;    // rows by the block of the inner extent, read in place
  mlir::Value panel;   // the block of the inner extent by the panel's columns, or by more in place for a single row
  mlir::Value sums;    // room for whole rows and columns of micro-kernels
  mlir::Value rows;    // how many
  mlir::Value cols;    // how many of them are wanted
  mlir::Value inner;   // of the block
  mlir::Value isFirst; // whether sums start at zero
};

/// sums = (isFirst ? 0 : sums) + left * panel, in the order of the inner extent. The functions are created beside
/// `beside`, once a module.
void createPanelProduct(mlir::ImplicitLocOpBuilder &b, mlir::Operation *beside, const ProductBlocking &size,
                        const PanelProduct &operands);

/// A part of a matrix in memory: any row stride and place.
mlir::MemRefType getViewType(mlir::MLIRContext *context, mlir::Type elementType);
mlir::Value createView(mlir::ImplicitLocOpBuilder &b, mlir::Value memref, mlir::Value row, mlir::Value col,
                       mlir::Value rows, mlir::Value cols);

/// The panel that begins at column `col`, of panels that begin with that of column `firstCol`; from row `inner` on.
mlir::Value createPanelView(mlir::ImplicitLocOpBuilder &b, mlir::Value panels, const ProductBlocking &size,
                            mlir::Value col, mlir::Value firstCol, mlir::Value inner);

/// Copies columns of a factor, of all its rows, into panels that begin with that of column `colBegin`. The function is
/// created beside `beside`, once a module.
void createPanelCopies(mlir::ImplicitLocOpBuilder &b, mlir::Operation *beside, const ProductBlocking &size,
                       mlir::Value factor, mlir::Value panels, mlir::Value colBegin, mlir::Value colEnd);

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOLOOPS_MICROKERNEL_H
