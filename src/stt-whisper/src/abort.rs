//! Ends a decode at once, in the middle of a layer.
//!
//! whisper.cpp 1.8.3 polls its abort callback only after a whole encoder pass and after each decoder step; on a base model the encoder
//! alone takes longer than a caller wants to wait. ggml's CPU backend does poll a callback before every graph node, but whisper.cpp
//! neither sets it nor hands out its backends. On ELF systems the linker's `--wrap` (see `build.rs`) routes the call that makes them
//! through this module, which remembers them while a state is created and sets their callback. Elsewhere the flag is read between
//! the steps of [`crate::decoder::Decoder`] only.
//!
//! whisper-rs 0.16's own `set_abort_callback_safe` is not used: it passes a doubly boxed closure to a trampoline for the bare closure
//! type, which is undefined behaviour.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use whisper_rs::{WhisperContext, WhisperError, WhisperState};

const RUN: u8 = 0;
const YIELD: u8 = 1;
const CANCEL: u8 = 2;

/// Whether a decode may go on. Shared by who wants the result and who works on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flag(Arc<AtomicU8>);

impl Flag {
    /// Nobody wants the result any more.
    pub(crate) fn cancel(&self) {
        self.0.store(CANCEL, Ordering::Release);
    }

    /// Something more urgent needs the decoder; the work is wanted later. A cancelled decode stays cancelled.
    pub(crate) fn make_way(&self) {
        let _ = self.0.compare_exchange(RUN, YIELD, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Takes back [`Flag::make_way`].
    pub(crate) fn resume(&self) {
        let _ = self.0.compare_exchange(YIELD, RUN, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Whether both are the flag of the same decode.
    pub(crate) fn is(&self, other: &Flag) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether the decode has to end now.
    pub(crate) fn is_raised(&self) -> bool {
        self.0.load(Ordering::Acquire) != RUN
    }

    /// Whether nobody wants the result any more.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Acquire) == CANCEL
    }
}

/// A whisper state whose computations stop when the flag of the moment is raised.
pub(crate) struct AbortableState {
    /// Declared before `slot`: the backends inside, which point at the slot, are dropped first.
    pub(crate) state: WhisperState,
    slot: Box<Slot>,
}

struct Slot(Mutex<Flag>);

impl AbortableState {
    /// A new state of the model.
    pub(crate) fn new(context: &WhisperContext) -> Result<AbortableState, WhisperError> {
        let slot = Box::new(Slot(Mutex::new(Flag::default())));
        let (state, backends) = backends::created_by(|| context.create_state());
        let state = state?;
        for backend in backends {
            let data = std::ptr::from_ref::<Slot>(&slot).cast_mut().cast::<c_void>();
            // SAFETY: the backends were made by `create_state` just now on this thread and live inside `state`. The slot is on the
            // heap and outlives the state by the order of the fields; it is only ever read through a shared reference.
            unsafe {
                if whisper_rs::whisper_rs_sys::ggml_backend_is_cpu(backend) {
                    whisper_rs::whisper_rs_sys::ggml_backend_cpu_set_abort_callback(backend, Some(is_raised), data);
                }
            }
        }
        Ok(AbortableState { state, slot })
    }

    /// From now on computations end when this flag is raised.
    pub(crate) fn watch(&mut self, flag: &Flag) {
        *self.slot.0.lock().unwrap_or_else(PoisonError::into_inner) = flag.clone();
    }
}

/// ggml's abort callback: whether to stop before the next graph node.
unsafe extern "C" fn is_raised(data: *mut c_void) -> bool {
    // SAFETY: `data` is the slot given to `ggml_backend_cpu_set_abort_callback` above, alive as long as the backend.
    let slot = unsafe { &*data.cast::<Slot>() };
    slot.0.lock().unwrap_or_else(PoisonError::into_inner).is_raised()
}

/// whisper.cpp's callback before the encoder: "no" leaves `whisper_full` with the mel spectrogram and the audio context set.
pub(crate) unsafe extern "C" fn never_encode(
    _: *mut whisper_rs::whisper_rs_sys::whisper_context,
    _: *mut whisper_rs::whisper_rs_sys::whisper_state,
    _: *mut c_void,
) -> bool {
    false
}

#[cfg(wrapped_backends)]
mod backends {
    use std::cell::RefCell;
    use std::ffi::c_char;

    use whisper_rs::whisper_rs_sys::{ggml_backend_dev_type, ggml_backend_t};

    thread_local! {
        static CREATED: RefCell<Vec<ggml_backend_t>> = const { RefCell::new(Vec::new()) };
    }

    /// Runs `create` and returns the backends that it made on this thread.
    pub(super) fn created_by<T>(create: impl FnOnce() -> T) -> (T, Vec<ggml_backend_t>) {
        CREATED.with_borrow_mut(Vec::clear);
        let result = create();
        (result, CREATED.take())
    }

    unsafe extern "C" {
        fn __real_ggml_backend_init_by_type(kind: ggml_backend_dev_type, params: *const c_char) -> ggml_backend_t;
    }

    // SAFETY: the linker sends whisper.cpp's calls of `ggml_backend_init_by_type` here; the signature is the same, and the original is
    // called with the arguments as they came.
    #[unsafe(no_mangle)]
    unsafe extern "C" fn __wrap_ggml_backend_init_by_type(
        kind: ggml_backend_dev_type,
        params: *const c_char,
    ) -> ggml_backend_t {
        // SAFETY: as above.
        let backend = unsafe { __real_ggml_backend_init_by_type(kind, params) };
        if !backend.is_null() {
            CREATED.with_borrow_mut(|created| created.push(backend));
        }
        backend
    }
}

#[cfg(not(wrapped_backends))]
mod backends {
    use whisper_rs::whisper_rs_sys::ggml_backend_t;

    /// Runs `create`; the backends that it makes cannot be seen on this system.
    pub(super) fn created_by<T>(create: impl FnOnce() -> T) -> (T, Vec<ggml_backend_t>) {
        (create(), Vec::new())
    }
}
