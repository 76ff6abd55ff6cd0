//! Whole training runs of a tiny model: their losses, that stopping, killing and resuming change no bit, and what is refused. All
//! of it on the CPU; what a GPU must do, too, is in `on_gpu.rs`. A real SIGKILL is in the program's own tests.

mod damage;
mod fixture;
mod golden;
mod longer;
mod losses;
mod minutes;
mod refusals;
mod resuming;
mod stopping;
