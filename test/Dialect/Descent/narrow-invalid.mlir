// RUN: descent-opt %s -descent-narrow=compute=f16 -verify-diagnostics

// expected-error @below {{expected compute=f32 or compute=f64, found 'f16'}}
module {
}
