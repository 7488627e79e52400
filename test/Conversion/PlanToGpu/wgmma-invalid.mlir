// RUN: descent-opt %s -convert-plan-to-gpu="products=wgmma workgroup-bytes=100000" -verify-diagnostics

plan.program @memory segments 1 {
  plan.track @t class matrix {
    %x = plan.scratch worker : !plan.buffer<short, long, bf16>
    %a = plan.scratch worker : !plan.buffer<short, short, bf16>
    // expected-error @+1 {{'plan.product' op needs more workgroup memory than the 100000 bytes of a block; 'products=mma' needs less}}
    plan.product %x, %x transposed : !plan.buffer<short, long, bf16>, !plan.buffer<short, long, bf16>
        over <short, short> writes(%a : !plan.buffer<short, short, bf16>) {
    ^bb0(%acc: f32):
      plan.yield %acc : f32
    }
  }
}
