//! Attention by kind and length.

fn main() {}
