//! The ONNX Runtime library: found and loaded at run time, so that the worker runs without it too.

use std::ffi::CStr;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

#[cfg(target_os = "macos")]
const LIBRARY: &str = "libonnxruntime.dylib";
#[cfg(not(target_os = "macos"))]
const LIBRARY: &str = "libonnxruntime.so";

/// The outcome of the one attempt that a process has.
static LOADED: OnceLock<Result<PathBuf, String>> = OnceLock::new();

/// Loads the library, once a process: the one named, else `script/setup`'s, else the system's.
///
/// # Errors
/// Why it cannot be loaded and what to do about it.
pub(crate) fn load(named: Option<&Path>) -> Result<PathBuf, String> {
    LOADED.get_or_init(|| try_load(named)).clone()
}

fn try_load(named: Option<&Path>) -> Result<PathBuf, String> {
    let advice = "Piper voices need ONNX Runtime: run script/setup, or name the library with --onnxruntime";
    let mut tried = Vec::new();
    for place in places(named) {
        // A bare name is looked up by the system's loader, any other must be a file: loading a missing one says less.
        let bare = place.parent().is_none_or(|parent| parent.as_os_str().is_empty());
        if !bare && !place.is_file() {
            tried.push(format!("{} does not exist", place.display()));
            continue;
        }
        if let Err(error) = examine(&place) {
            tried.push(error);
            continue;
        }
        // The library is third-party code that asserts; a failure must not take the worker along.
        let result = std::panic::catch_unwind(|| {
            ort::init_from(&place).map(|environment| environment.with_telemetry(false).commit())
        });
        match result {
            Ok(Ok(_)) => return Ok(place),
            Ok(Err(error)) => tried.push(error.to_string()),
            Err(_) => tried.push(format!("{} is not a usable ONNX Runtime", place.display())),
        }
    }
    Err(format!("{}. {advice}", tried.join("; ")))
}

/// Opens the library and asks for its version before `ort` does: making its error from one that cannot be used, `ort` waits for itself
/// for ever.
#[allow(unsafe_code, reason = "a shared library is loaded and called")]
fn examine(place: &Path) -> Result<(), String> {
    let fail = |why: &dyn std::fmt::Display| format!("{} is not a usable ONNX Runtime: {why}", place.display());
    // SAFETY: loading runs the library's initialisers; it is the file that the user or the set-up chose for this.
    let library = unsafe { libloading::Library::new(place) }.map_err(|error| fail(&error))?;
    // SAFETY: a function of this name has this signature since ONNX Runtime 1.0 (onnxruntime_c_api.h), and what it returns lives as long
    // as the library.
    unsafe {
        let base: libloading::Symbol<'_, unsafe extern "C" fn() -> *const ort::sys::OrtApiBase> =
            library.get(b"OrtGetApiBase").map_err(|error| fail(&error))?;
        let base = base();
        if base.is_null() {
            return Err(fail(&"it offers no interface"));
        }
        if ((*base).GetApi)(ort::sys::ORT_API_VERSION).is_null() {
            let version = CStr::from_ptr(((*base).GetVersionString)()).to_string_lossy();
            return Err(fail(&format!("it is version {version}; 1.{} or newer is needed", ort::MINOR_VERSION)));
        }
    }
    // It stays loaded: ONNX Runtime is not made to be unloaded.
    std::mem::forget(library);
    Ok(())
}

fn places(named: Option<&Path>) -> Vec<PathBuf> {
    if let Some(named) = named {
        let library = if named.is_dir() { named.join(LIBRARY) } else { named.to_path_buf() };
        return vec![library];
    }
    let mut places = Vec::new();
    if let Ok(program) = std::env::current_exe()
        && let Some(folder) = program.parent()
    {
        places.push(folder.join(LIBRARY));
    }
    let cache = std::env::var_os("VESTA_CACHE").map(PathBuf::from);
    let cache = cache.or_else(|| std::env::var_os("XDG_CACHE_HOME").map(|base| PathBuf::from(base).join("vesta")));
    let cache = cache.or_else(|| std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/vesta")));
    places.extend(cache.map(|cache| cache.join("onnxruntime").join(LIBRARY)));
    places.push(PathBuf::from(LIBRARY));
    places
}
