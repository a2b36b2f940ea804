//! The four functions of `libchdb.so` that we call.

use std::ffi::{CStr, CString, c_char, c_int};
use std::path::Path;

use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};

/// An answer of the library, known to us by its address only.
#[repr(C)]
struct Answer {
    _private: [u8; 0],
}

type QueryCmdline = unsafe extern "C" fn(argc: c_int, argv: *mut *mut c_char) -> *mut Answer;
type AnswerError = unsafe extern "C" fn(answer: *mut Answer) -> *const c_char;
type DestroyAnswer = unsafe extern "C" fn(answer: *mut Answer);
type Version = unsafe extern "C" fn() -> *const c_char;

/// The loaded library.
pub(super) struct Chdb {
    query_cmdline: QueryCmdline,
    answer_error: AnswerError,
    destroy_answer: DestroyAnswer,
    version: Version,
}

impl Chdb {
    /// Loads the library for the rest of the process's life.
    pub(super) fn load(path: &Path) -> Result<Self, libloading::Error> {
        // SAFETY: the library's initialisers are ordinary C++ static constructors; no thread of ours
        // depends on state that they change (the launcher has started none yet).
        let library = unsafe { Library::open(Some(path), RTLD_NOW | RTLD_LOCAL)? };
        // Never unloaded: the engine's threads and exit handlers live in it.
        let library: &'static Library = Box::leak(Box::new(library));
        // SAFETY: the names and signatures are those of chdb 26.7.3's C header.
        unsafe {
            Ok(Self {
                query_cmdline: *library.get::<QueryCmdline>(c"chdb_query_cmdline".to_bytes_with_nul())?,
                answer_error: *library.get::<AnswerError>(c"chdb_result_error".to_bytes_with_nul())?,
                destroy_answer: *library
                    .get::<DestroyAnswer>(c"chdb_destroy_query_result".to_bytes_with_nul())?,
                version: *library.get::<Version>(c"chdb_version".to_bytes_with_nul())?,
            })
        }
    }

    /// The library's version, such as `26.7.3`.
    pub(super) fn version(&self) -> String {
        // SAFETY: returns a static NUL-terminated string, or NULL.
        let text = unsafe { (self.version)() };
        if text.is_null() {
            return String::from("unknown");
        }
        // SAFETY: not NULL, see above.
        unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
    }

    /// Runs `clickhouse-local` with these arguments (the first is the program's name); returns when its
    /// last query has ended. To be called once per process.
    pub(super) fn run(&self, arguments: &[CString]) -> Result<(), String> {
        let count = c_int::try_from(arguments.len()).map_err(|_| String::from("too many arguments"))?;
        let mut argv: Vec<*mut c_char> = arguments
            .iter()
            .map(|argument| argument.as_ptr().cast_mut())
            .chain([std::ptr::null_mut()])
            .collect();
        // SAFETY: argv holds `count` valid C strings that outlive the call, and a final NULL, as main() gets
        // them; the library copies them and does not write into them.
        let answer = unsafe { (self.query_cmdline)(count, argv.as_mut_ptr()) };
        if answer.is_null() {
            return Err(String::from("the engine gave no answer"));
        }
        // SAFETY: `answer` came from the call above and is not destroyed yet.
        let error = unsafe { (self.answer_error)(answer) };
        let result = if error.is_null() {
            Ok(())
        } else {
            // SAFETY: a NUL-terminated string that lives as long as `answer`.
            Err(unsafe { CStr::from_ptr(error) }.to_string_lossy().into_owned())
        };
        // SAFETY: `answer` is destroyed once, and `error` was copied.
        unsafe { (self.destroy_answer)(answer) };
        result
    }
}

/// Ends the process at once, without the library's static destructors (its threads still run).
pub(super) fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no preconditions; nothing of ours is buffered at this point.
    unsafe { libc::_exit(code) }
}
