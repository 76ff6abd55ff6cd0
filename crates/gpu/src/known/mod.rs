//! Whether an adapter computes what is known: a run of every op on a few rows, whose results were computed in float64 beforehand
//! (`answers.tsv`). A driver that compiles a kernel wrongly is refused by name before it trains or answers anything. The programs are in
//! `programs.rs`; the whole conformance suite is another matter (`tests/conformance.rs`).

mod programs;

use crate::adapter::Adapter;
use crate::backend::Gpu;
use crate::cache;
use programs::{Question, Source};
use reformer_tensor::{Backend, BackendError, Checks, HostTensor, Key, Plan, PlanOptions};
use std::path::Path;
use std::time::UNIX_EPOCH;

/// Lines of op, value, length, and sums: see [`Answer`].
const ANSWERS: &str = include_str!("answers.tsv");
/// Sums of a value that are known.
const SUMS: usize = 3;
/// What a sum may be off, as a share of the value's length: hundreds of times f32's roundings, and less than an element of usual
/// size.
const ALLOWED: f64 = 1e-3;
/// The same for integers, whatever their length.
const ALLOWED_OF_INTEGERS: f64 = 0.25;

/// What is known of a value: its Euclidean length, and sums of its elements with signs that a key draws. One wrong
/// element of usual size changes every sum by more than is allowed.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    /// The op that makes it.
    pub op: &'static str,
    /// Which of the op's values.
    pub value: &'static str,
    /// The root of the sum of squares.
    pub length: f64,
    /// Σ ±x.
    pub sums: [f64; SUMS],
}

impl Answer {
    fn of(question: &Question, tensor: &HostTensor) -> Answer {
        let numbers = tensor.to_f64(question.dtype);
        let sum = |number: u32| {
            let key = Key::from_seed(0).fold_in(number);
            let sign = |at: usize| if key.bits([at as u32, 0])[0] & 1 == 0 { 1.0 } else { -1.0 };
            numbers.iter().enumerate().map(|(at, x)| sign(at) * x).sum()
        };
        Answer {
            op: question.op,
            value: question.value,
            length: numbers.iter().map(|x| x * x).sum::<f64>().sqrt(),
            sums: [sum(0), sum(1), sum(2)],
        }
    }

    /// A line of `answers.tsv`.
    pub fn line(&self) -> String {
        let [a, b, c] = self.sums;
        format!("{}\t{}\t{:e}\t{a:e}\t{b:e}\t{c:e}", self.op, self.value, self.length)
    }
}

/// What any backend answers, in the order of the questions; each op's results come from those before.
///
/// # Errors
/// If it can't run a program.
pub fn answers(backend: &dyn Backend) -> Result<Vec<Answer>, BackendError> {
    let mut answers = Vec::new();
    for program in programs::all() {
        let failed = |text: String| BackendError::Device(format!("{}: the known answers: {text}", backend.adapter()));
        let plan = Plan::new(&program.program, &PlanOptions::default()).map_err(|error| failed(error.to_string()))?;
        let mut store = backend.store();
        plan.declare_states(store.as_mut())?;
        for (name, tensor) in &program.states {
            store.write(name, tensor)?;
        }
        let outputs = backend
            .prepare(plan, Checks::Off)?
            .run(store.as_mut(), &program.inputs)
            .map_err(|error| failed(error.to_string()))?;
        for question in &program.questions {
            let answer = match &question.source {
                Source::Output(name) => Answer::of(question, &outputs[name]),
                Source::State(name) => Answer::of(question, &store.read(name)?),
            };
            answers.push(answer);
        }
    }
    Ok(answers)
}

/// The first answer that is not the known one, and why.
pub fn first_wrong(answers: &[Answer]) -> Option<String> {
    let known = ANSWERS.lines().filter(|line| !line.starts_with('#')).chain(std::iter::repeat(""));
    answers.iter().zip(known).find_map(|(answer, line)| {
        let mut fields = line.split('\t');
        let what = format!("{}, {}", answer.op, answer.value);
        let is_same = fields.next() == Some(answer.op) && fields.next() == Some(answer.value);
        let numbers: Vec<f64> = fields.filter_map(|number| number.parse().ok()).collect();
        if !is_same || numbers.len() != 1 + SUMS {
            return Some(format!("{what}: no answer is known"));
        }
        let is_integer = answer.value.ends_with("(integers)");
        let allowed = if is_integer { ALLOWED_OF_INTEGERS } else { ALLOWED * numbers[0] };
        let got = std::iter::once(answer.length).chain(answer.sums);
        // A comparison with NaN is false, so NaN is wrong.
        let is_right = |got: f64, known: f64| (got - known).abs() <= allowed;
        let wrong = got.zip(&numbers).find(|&(got, &known)| !is_right(got, known));
        wrong.map(|(got, known)| format!("{what}: {got:.6} where {known:.6} is right"))
    })
}

/// What else the answers depend on: kernels, what is asked and known, and the program that was built, with whatever translates kernels.
fn fingerprint() -> String {
    let program = std::env::current_exe().and_then(std::fs::metadata);
    let changed = program.as_ref().ok().and_then(|program| program.modified().ok()?.duration_since(UNIX_EPOCH).ok());
    let texts = reformer_shaders::SOURCES.iter().map(|(_, text)| *text).chain([ANSWERS]);
    let hash = cache::hash(texts.flat_map(str::as_bytes));
    format!("{hash:016x} {:?} {:?}", program.map_or(0, |program| program.len()), changed.unwrap_or_default())
}

impl Gpu {
    /// The same, if it computes what is known; that it did is kept in `folder` until the driver or this program changes. A driver that
    /// doesn't tell its version is checked each time. `before` is called if it must be checked now, which takes some seconds.
    ///
    /// # Errors
    /// With adapter, driver and kernel, if it computes anything else, or can't run at all.
    pub fn checked(self, folder: Option<&Path>, before: impl FnOnce(&Adapter)) -> Result<Self, BackendError> {
        let tells_version = self.device.adapter.driver.contains(|letter: char| letter.is_ascii_digit());
        let folder = folder.filter(|_| tells_version);
        let kept = folder.map(|folder| cache::file(folder, &self.device.adapter, "checked"));
        let what = format!("{} {:?} {}\n", fingerprint(), self.kernels, self.product);
        if kept.as_ref().is_some_and(|path| std::fs::read_to_string(path).is_ok_and(|text| text == what)) {
            return Ok(self);
        }
        before(&self.device.adapter);
        if let Some(wrong) = first_wrong(&answers(&self)?) {
            let adapter = &self.device.adapter;
            return Err(BackendError::Device(format!(
                "{adapter}, driver {}, computes wrongly: kernels of {wrong}. Update the driver (Debian: \
                 `apt-get install mesa-vulkan-drivers` of a newer release or of its backports), take another --adapter, \
                 or use --backend cpu",
                adapter.driver
            )));
        }
        if let Some(path) = kept {
            cache::write(&path, what.as_bytes());
        }
        Ok(self)
    }
}
