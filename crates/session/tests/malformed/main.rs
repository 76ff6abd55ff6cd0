//! Files of a run's folder that are wrong in every way: each is refused with its name and what is wrong, in little time and memory,
//! and nothing is taken for something that it isn't. One table a kind of file, a row a malformed case.

#[cfg(target_os = "linux")]
#[path = "../again/mod.rs"]
mod again;
#[path = "../models/mod.rs"]
mod models;

mod config;
mod fixture;
mod mutations;
mod odd_files;
mod seeds;
mod state;
mod tensors;
mod tokenizer;
