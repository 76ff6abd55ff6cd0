//! Whole training runs of a tiny model: their losses, that stopping, killing and resuming change no bit, and what is refused. All
//! of it on the CPU; what every backend must do is in `backends.rs`. A real SIGKILL is in the program's own tests.

mod backends;
mod damage;
mod fixture;
mod losses;
mod minutes;
mod refusals;
mod resuming;
