//! Whole training runs of a tiny model on the CPU: their losses, that stopping, killing and resuming change no bit, and what is refused.
//! A real SIGKILL is in the program's own tests.

mod fixture;
mod losses;
mod minutes;
mod refusals;
mod resuming;
