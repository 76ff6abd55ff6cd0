//! The oracle against itself: what is left is the laws, which hold for it as for every backend.

reformer_conformance::suite!(oracle, reformer_oracle::Oracle::new());
