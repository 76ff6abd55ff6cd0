//! The `reformer` program: arguments and printing. No logic that a library user would miss.

fn main() {}
