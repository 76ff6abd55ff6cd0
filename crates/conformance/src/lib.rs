//! One suite for every backend: cases, tolerances, poison, laws.
