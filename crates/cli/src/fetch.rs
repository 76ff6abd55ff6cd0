//! `reformer data fetch`: where to, from where, and how it is told. The fetching is `multiwoz`'s.

use crate::material;
use crate::output::{self, note};
use crate::quantities::Bytes;
use crate::typed::{program, typed};
use anyhow::Context;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reformer_multiwoz::fetch::{FetchEvent, LICENCE, Limits, fetch};
use std::env;
use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::{Duration, Instant};

/// Names another address, as `--mirror` does.
const VARIABLE: &str = "REFORMER_MIRROR";
/// On a pipe, so much time passes between two lines of progress.
const BETWEEN_LINES: Duration = Duration::from_secs(10);

/// Runs the command.
///
/// # Errors
/// If files can't be had or written.
pub fn run(out: Option<&Path>, mirror: Option<&str>) -> anyhow::Result<()> {
    let usual = material::places().into_iter().next();
    let folder = out.map(Path::to_owned).or(usual).context(
        "this system names no folder for data: name one with --out DIR, or with the environment variable REFORMER_DATA",
    )?;
    let named = env::var(VARIABLE).ok().filter(|mirror| !mirror.is_empty());
    let mut telling = Telling::new();
    let fetched = fetch(&folder, mirror.or(named.as_deref()), &Limits::default(), &mut |event| telling.tell(event));
    telling.bar.finish_and_clear();
    let fetched = fetched?;
    let came = match fetched.fetched {
        0 => "all were there and right".to_owned(),
        count => format!("{count} were fetched"),
    };
    let (program, place) = (program(), typed(&folder));
    let train =
        if out.is_some() { format!("{program} train --data {}", typed(&folder)) } else { format!("{program} train") };
    output::line(format_args!(
        "MultiWOZ 2.2 and its database are in {place}: {} files, {}, each as it was published; {came}\n\
         licence: {LICENCE} (github.com/budzianowski/multiwoz)\n\
         train on it: {train}",
        fetched.files,
        Bytes(fetched.bytes)
    ))
}

/// A bar on a terminal, else a line now and then.
struct Telling {
    bar: ProgressBar,
    place: String,
    last_line: Option<Instant>,
}

impl Telling {
    fn new() -> Self {
        let style = ProgressStyle::with_template("{bar:24} file {pos} of {len}  {msg}");
        let target = if io::stdout().is_terminal() && io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        };
        let bar = ProgressBar::with_draw_target(None, target)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, place: String::new(), last_line: None }
    }

    fn tell(&mut self, event: FetchEvent<'_>) {
        match event {
            FetchEvent::File { place, number, of } => {
                place.clone_into(&mut self.place);
                self.bar.set_length(of as u64);
                self.bar.set_position(number as u64);
                self.bar.set_message(self.place.clone());
                if self.bar.is_hidden() && self.last_line.is_none_or(|last| last.elapsed() >= BETWEEN_LINES) {
                    self.last_line = Some(Instant::now());
                    note(format_args!("file {number} of {of}: {place}"));
                }
            }
            FetchEvent::Received { bytes, total } => {
                let of = total.map(|total| format!(" of {}", Bytes(total))).unwrap_or_default();
                self.bar.set_message(format!("{}: {}{of}", self.place, Bytes(bytes)));
            }
            FetchEvent::Again { reason } => {
                self.bar.suspend(|| note(format_args!("{}: {reason}; trying again", self.place)));
            }
        }
    }
}
