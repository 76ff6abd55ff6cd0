//! Where the system refuses memory, the program ends with one line and exit code 1, as with any error: by itself Rust aborts, which
//! looks like a crash. What reserves memory for a plan reports a refusal itself, with what it was for.

use reformer_tensor::is_refusable;
use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;

/// The system's allocator, but a refusal that nobody expects ends the process.
struct Reporting;

#[global_allocator]
static ALLOCATOR: Reporting = Reporting;

// SAFETY: every call is passed on to the system's allocator with the arguments as they came, so its guarantees are ours.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Reporting {
    // SAFETY: the caller keeps the trait's contract.
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promised.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    // SAFETY: the caller keeps the trait's contract.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promised.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    // SAFETY: the caller keeps the trait's contract.
    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as the caller promised.
        given(unsafe { System.realloc(memory, layout, size) }, size)
    }

    // SAFETY: the caller keeps the trait's contract.
    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: as the caller promised.
        unsafe { System.dealloc(memory, layout) }
    }
}

/// What the system gave; the process ends if that is nothing and nobody expects it.
fn given(memory: *mut u8, bytes: usize) -> *mut u8 {
    if memory.is_null() && !is_refusable() {
        end(bytes);
    }
    memory
}

/// What panics say where the system refused memory or a thread: the standard library that could not set up a thread's stack or start it,
/// libraries that start threads of their own, an error of the system that says so itself, and drivers (Vulkan's word). Whole phrases:
/// numbers of errors alone stand in many messages, and "try again" is said of files and pipes too.
const REFUSALS: [&str; 7] = [
    "failed to allocate an alternative stack",
    "failed to set up alternative stack guard page",
    "failed to spawn thread",
    "ThreadPoolBuildError { kind: IOError(",
    "Cannot allocate memory (os error 12)",
    "kind: OutOfMemory",
    "OUT_OF_HOST_MEMORY",
];

/// From now on a panic that only says that the system refused something ends the process as refused memory does. Any other stays what it
/// is: a mistake of ours.
pub fn report_refusals_of_others() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload_as_str().unwrap_or_default();
        if !is_refusal(said) {
            return usual(panic);
        }
        let mut line = Line::default();
        line.add(b"error: the system refused memory or a thread (");
        line.add(said.lines().next().unwrap_or_default().as_bytes());
        line.add(b"): take fewer --threads or --backend cpu, or raise the limit of this process\n");
        line.print();
        leave(crate::FAILED)
    }));
}

fn is_refusal(said: &str) -> bool {
    REFUSALS.iter().any(|refusal| said.contains(refusal))
}

#[cold]
fn end(bytes: usize) -> ! {
    let mut line = Line::default();
    line.add(b"error: the system refused ");
    line.add_number(bytes);
    line.add(b" bytes of memory: this process may not have more (`ulimit -v`, a container's limit) or the machine has none left. ");
    line.add(b"Take a smaller --length, --batch or model, less data or fewer --threads, or raise the limit\n");
    line.print();
    leave(crate::FAILED)
}

/// Ends the process with a code and nothing else: what is usually done at the end asks for memory, and takes apart what other threads
/// may still use.
#[cfg(unix)]
pub fn leave(code: u8) -> ! {
    // SAFETY: it takes any number and touches no memory.
    #[allow(unsafe_code)]
    unsafe {
        libc::_exit(i32::from(code))
    }
}

#[cfg(not(unix))]
pub fn leave(code: u8) -> ! {
    std::process::exit(i32::from(code))
}

/// A line that is put together without memory.
struct Line {
    bytes: [u8; 512],
    length: usize,
}

impl Default for Line {
    fn default() -> Self {
        Self { bytes: [0; 512], length: 0 }
    }
}

impl Line {
    fn add(&mut self, text: &[u8]) {
        let room = self.bytes.len() - self.length;
        let taken = &text[..text.len().min(room)];
        self.bytes[self.length..self.length + taken.len()].copy_from_slice(taken);
        self.length += taken.len();
    }

    fn print(&self) {
        // Stderr has no buffer. If it is closed, there is nobody to tell.
        let _ = std::io::stderr().write_all(&self.bytes[..self.length]);
    }

    fn add_number(&mut self, mut number: usize) {
        // As many digits as a number of 64 bits has.
        let mut digits = [0; 20];
        let mut first = digits.len();
        loop {
            first -= 1;
            digits[first] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.add(&digits[first..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_memory() {
        for number in [0, 7, 10, 4096, usize::MAX] {
            let mut line = Line::default();
            line.add_number(number);
            assert_eq!(&line.bytes[..line.length], number.to_string().as_bytes());
        }
        let mut line = Line::default();
        line.add(&[b'x'; 600]);
        assert_eq!(line.length, 512, "what has no room is left out");
    }

    #[test]
    fn refusals_are_told_from_mistakes() {
        assert!(is_refusal("failed to allocate an alternative stack: Cannot allocate memory (os error 12)"));
        assert!(is_refusal(
            "not initialized: ThreadPoolBuildError { kind: IOError(Os { code: 11, kind: WouldBlock } }"
        ));
        assert!(is_refusal("called `Result::unwrap()` on an `Err` value: ERROR_OUT_OF_HOST_MEMORY"));
        let said = |number: i32| format!("{:?}", std::io::Error::from_raw_os_error(number));
        #[cfg(target_os = "linux")]
        for said in [said(12), format!("failed to spawn thread: {}", said(11))] {
            assert!(is_refusal(&said), "{said}");
        }
        for mistake in [
            "index out of bounds: the len is 12 but the index is 12".to_owned(),
            "called `Result::unwrap()` on an `Err` value: Reply { code: 12, text: \"\" }".to_owned(),
            // A pipe or a lock that is busy.
            said(11),
            std::io::Error::from_raw_os_error(11).to_string(),
        ] {
            assert!(!is_refusal(&mistake), "{mistake}");
        }
    }

    #[test]
    fn what_is_reserved_for_a_plan_may_be_refused() {
        // More than any address space; in the way that plans reserve it.
        let refused = reformer_tensor::refusable(|| Vec::<u8>::new().try_reserve_exact(1 << 60));
        assert!(refused.is_err(), "the process is still there, and knows");
    }
}
