//! MultiWOZ dialogues in, plain types and training text out. Knows no tensors.
//!
//! A [`Source`] is data whose layout was recognised: MultiWOZ 2.0 to 2.2 or another schema-guided set, in a folder, a single
//! file or a `.zip`; own dialogues in lines or a list; or the embedded [`sample`]. It gives [`Dialogue`]s by [`Split`], all at
//! once or some at a time. Whatever is wrong with a file is a [`DataError`] that names the file, the dialogue, the turn, the field and its value; nothing is
//! left out silently. [`check`] finds all flaws, [`stats`] counts, [`write()`] and [`convert()`] write.
//!
//! ```
//! use reformer_multiwoz::{Source, Split};
//!
//! # fn main() -> Result<(), reformer_multiwoz::DataError> {
//! let source = Source::sample(); // or Source::open("data/multiwoz-2.2")?
//! let dialogues = source.split(Split::Test)?;
//! let first = &dialogues[0];
//! println!("{} is about {}", first.id, first.services.join(" and "));
//! for turn in &first.turns {
//!     println!("{}: {}", turn.speaker, turn.utterance);
//!     for (slot, values) in turn.belief_state() {
//!         println!("    {slot} = {}", values.join(" or "));
//!     }
//! }
//! # Ok(())
//! # }
//! ```

mod archive;
mod chats;
mod check;
mod contents;
mod convert;
mod corpus;
mod data_json;
pub mod database;
mod dealing;
mod dialogue;
mod dialogue_file;
mod duplicates;
mod elements;
mod error;
pub mod fetch;
mod fields;
mod fingerprint;
mod forms;
mod frame;
mod gzip;
mod json;
mod layout;
mod limits;
mod log_annotation;
mod naming;
mod near;
mod not_data;
mod outline;
mod rename;
mod replacing;
pub mod sample;
mod schema_guided;
mod source;
mod split;
mod split_lists;
mod staging;
mod stats;
mod text;
mod transcripts;
mod tree;
mod unread;
mod whole_path;
mod write;

pub use check::{Flaw, check, check_source};
pub use contents::{Contents, ForeignKind, Form};
pub use convert::{Converted, Target, convert, convert_with};
pub use corpus::Corpus;
pub use dealing::{Dealing, Reading};
pub use dialogue::{BeliefState, Dialogue, Speaker, Turn};
pub use duplicates::{DialogueName, Duplicates, ExactDuplicate, NEAR, NearDuplicate};
pub use error::{DataError, FieldProblem, Place};
pub use frame::{Action, Frame, ServiceCall, SlotSpan, SlotValue, State};
pub use layout::is_own_layout;
pub use limits::Limits;
pub use log_annotation::{Booking, DomainState, LogAnnotation, TokenSpan};
pub use naming::NameSays;
pub use source::{Part, Parts, Source};
pub use split::Split;
pub use staging::Writing;
pub use stats::{Length, Percentiles, SplitStats, Stats, stats};
pub use text::{contents, read_text, why_no_text};
pub use unread::Unread;
pub use whole_path::whole_path;
pub use write::{IntentSchema, ServiceSchema, SlotSchema, write};

/// Its example is compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
