//! Interpreter 1: every op on the CPU with rayon and gemm, the SIMD level chosen at run time.
