//! The runner. Holds no logic a library user would miss.

fn main() {}
