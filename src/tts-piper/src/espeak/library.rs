//! eSpeak NG's C interface. The library holds one voice and one text at a time in global variables, so everything here belongs to one
//! thread: [`Library`] is neither `Send` nor `Sync`.
#![allow(unsafe_code, reason = "eSpeak NG is a C library")]

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char, c_int, c_short, c_uchar, c_void};
use std::marker::PhantomData;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use espeak_rs_sys as sys;

/// A voice as eSpeak NG lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct VoiceEntry {
    /// For people: "English (Great Britain)".
    pub(crate) title: String,
    /// By which it is chosen: "en-gb".
    pub(crate) name: String,
    /// Language tags, the best first.
    pub(crate) languages: Vec<String>,
}

/// Takes the samples as they are made; returns whether more are wanted.
pub(crate) type Sink = Box<dyn FnMut(&[i16]) -> bool>;

thread_local! {
    /// Synchronous output calls back on the calling thread.
    static SINK: RefCell<Option<Sink>> = const { RefCell::new(None) };
}

static TAKEN: AtomicBool = AtomicBool::new(false);

/// The initialised library; there is one in a process.
pub(crate) struct Library {
    rate: u32,
    data: String,
    voice: Option<String>,
    /// Keeps it on its thread.
    bound: PhantomData<*const ()>,
}

/// Speaking rate of speed 1.0, in words a minute (`espeakRATE_NORMAL` of speak_lib.h).
const NORMAL_RATE: f32 = 175.0;
/// The library's own limits, in words a minute (`espeakRATE_MINIMUM`, `espeakRATE_MAXIMUM`).
const RATES: std::ops::RangeInclusive<f32> = 80.0..=450.0;

impl Library {
    /// Initialises the library with the data in `data` (the folder itself or its parent), or where it was built to look.
    /// `chunk_ms` is the length of the pieces in which samples are given out.
    ///
    /// # Errors
    /// What the library said. It may be tried again with another folder.
    pub(crate) fn new(data: Option<&Path>, chunk_ms: u32) -> Result<Self, String> {
        if TAKEN.swap(true, Ordering::SeqCst) {
            return Err("eSpeak NG is already in use in this process".to_owned());
        }
        let release = |message: String| {
            TAKEN.store(false, Ordering::SeqCst);
            message
        };
        let path = data.map(|path| CString::new(path.as_os_str().as_encoded_bytes())).transpose();
        let path = path.map_err(|_| release("the path holds a NUL character".to_owned()))?;
        // SAFETY: the path outlives the call, and TAKEN keeps a second caller out.
        let rate = unsafe {
            sys::espeak_Initialize(
                sys::espeak_AUDIO_OUTPUT_AUDIO_OUTPUT_SYNCHRONOUS,
                c_int::try_from(chunk_ms).unwrap_or(0),
                path.as_ref().map_or(std::ptr::null(), |path| path.as_ptr()),
                sys::espeakINITIALIZE_DONT_EXIT as c_int,
            )
        };
        let rate = u32::try_from(rate).ok().filter(|rate| *rate > 0);
        let rate = rate.ok_or_else(|| release("eSpeak NG could not read its data".to_owned()))?;
        // SAFETY: the callback has the signature that the library wants and lives as long as the program.
        unsafe { sys::espeak_SetSynthCallback(Some(on_samples)) };
        let mut place: *const c_char = std::ptr::null();
        // SAFETY: the library fills in a pointer to its own static text.
        let data = unsafe {
            sys::espeak_Info(&raw mut place);
            text(place)
        };
        Ok(Self { rate, data, voice: None, bound: PhantomData })
    }

    /// Samples a second.
    pub(crate) fn rate(&self) -> u32 {
        self.rate
    }

    /// Where the data is read from.
    pub(crate) fn data(&self) -> &str {
        &self.data
    }

    /// All voices, one a language or accent.
    pub(crate) fn voices(&self) -> Vec<VoiceEntry> {
        let mut voices = Vec::new();
        // SAFETY: the library returns an array of voices that ends with a null pointer and stays valid until the next such call.
        unsafe {
            let mut entry = sys::espeak_ListVoices(std::ptr::null_mut());
            while !entry.is_null() && !(*entry).is_null() {
                let voice = &**entry;
                let languages = languages(voice.languages);
                let identifier = text(voice.identifier);
                let name = identifier.rsplit('/').next().unwrap_or_default().to_lowercase();
                // MBROLA voices ("mb/…") need programs of their own.
                if !name.is_empty() && !languages.is_empty() && !identifier.starts_with("mb/") {
                    voices.push(VoiceEntry { title: text(voice.name).replace('_', " "), name, languages });
                }
                entry = entry.add(1);
            }
        }
        voices
    }

    /// Chooses a voice ("en-gb", or with a variant "en-gb+f3") for what follows.
    ///
    /// # Errors
    /// When there is none of this name.
    pub(crate) fn set_voice(&mut self, name: &str) -> Result<(), String> {
        if self.voice.as_deref() == Some(name) {
            return Ok(());
        }
        let c_name = CString::new(name).map_err(|_| "a voice's name cannot hold a NUL character".to_owned())?;
        self.voice = None;
        // SAFETY: the name outlives the call.
        let code = unsafe { sys::espeak_SetVoiceByName(c_name.as_ptr()) };
        if code != sys::espeak_ERROR_EE_OK {
            return Err(format!("eSpeak NG has no voice {name:?}"));
        }
        self.voice = Some(name.to_owned());
        Ok(())
    }

    /// Speaks a text with the chosen voice; samples go to `sink` while they are made, and it stops when the sink wants no more.
    ///
    /// # Errors
    /// When the library refuses.
    pub(crate) fn speak(&mut self, spoken: &str, speed: f32, sink: Sink) -> Result<(), String> {
        let c_text =
            CString::new(spoken.replace('\0', " ")).map_err(|_| "the text holds a NUL character".to_owned())?;
        let rate = (NORMAL_RATE * speed).clamp(*RATES.start(), *RATES.end()).round() as c_int;
        SINK.set(Some(sink));
        // SAFETY: the text outlives the call, which is synchronous; the callback runs on this thread during it.
        let code = unsafe {
            sys::espeak_SetParameter(sys::espeak_PARAMETER_espeakRATE, rate, 0);
            sys::espeak_Synth(
                c_text.as_ptr().cast::<c_void>(),
                c_text.as_bytes_with_nul().len(),
                0,
                sys::espeak_POSITION_TYPE_POS_CHARACTER,
                0,
                sys::espeakCHARS_UTF8,
                std::ptr::null_mut(),
                std::ptr::null_mut(),
            )
        };
        drop(SINK.take());
        if code == sys::espeak_ERROR_EE_OK { Ok(()) } else { Err(format!("eSpeak NG could not speak (code {code})")) }
    }

    /// The text in IPA as Piper's voices were trained on: clauses with their punctuation, without marks of a change of language.
    pub(crate) fn phonemes(&mut self, spoken: &str) -> String {
        let Ok(c_text) = CString::new(spoken.replace(['\0', '\n', '\r'], " ")) else { return String::new() };
        let mut rest: *const c_void = c_text.as_ptr().cast();
        let mut phonemes = String::new();
        while !rest.is_null() {
            let before = rest;
            // SAFETY: `rest` points into `c_text`, which outlives the loop; the library moves it on or sets it to null. The text that
            // it returns is copied before the next call.
            let clause = unsafe {
                let found = sys::espeak_TextToPhonemes(
                    &raw mut rest,
                    sys::espeakCHARS_UTF8 as c_int,
                    sys::espeakPHONEMES_IPA as c_int,
                );
                text(found)
            };
            let clause = without_switches(&clause);
            if !phonemes.is_empty() && !clause.is_empty() && !phonemes.ends_with(' ') {
                phonemes.push(' ');
            }
            phonemes.push_str(clause.trim());
            if rest == before {
                break;
            }
        }
        phonemes
    }
}

impl Drop for Library {
    fn drop(&mut self) {
        // SAFETY: no call is in progress on the only thread that has the library.
        unsafe { sys::espeak_Terminate() };
        TAKEN.store(false, Ordering::SeqCst);
    }
}

/// Where eSpeak NG marks a word of another language: "(en)…(de)".
fn without_switches(phonemes: &str) -> String {
    let mut depth = 0_u32;
    let kept = phonemes.chars().filter(|c| match c {
        '(' => {
            depth += 1;
            false
        }
        ')' => {
            depth = depth.saturating_sub(1);
            false
        }
        _ => depth == 0,
    });
    kept.collect()
}

/// # Safety
/// `pointer` is null or a C string.
unsafe fn text(pointer: *const c_char) -> String {
    if pointer.is_null() {
        return String::new();
    }
    // SAFETY: the caller promises a C string.
    unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned()
}

/// Reads a voice's languages: each a byte of priority and a C string, a zero priority at the end (speak_lib.h, `espeak_VOICE`).
///
/// # Safety
/// `pointer` is null or such a list.
unsafe fn languages(pointer: *const c_char) -> Vec<String> {
    let mut found: Vec<(c_uchar, String)> = Vec::new();
    let mut at = pointer;
    // SAFETY: the list ends with a zero priority, and every string within it with a zero byte.
    unsafe {
        while !at.is_null() && *at != 0 {
            let priority = *at as c_uchar;
            let name = CStr::from_ptr(at.add(1));
            found.push((priority, name.to_string_lossy().into_owned()));
            at = at.add(name.to_bytes().len() + 2);
        }
    }
    found.sort_by_key(|(priority, _)| *priority);
    found.into_iter().map(|(_, name)| name).collect()
}

/// Called by eSpeak NG with each piece of audio; 0 goes on, 1 stops.
unsafe extern "C" fn on_samples(samples: *mut c_short, count: c_int, _events: *mut sys::espeak_EVENT) -> c_int {
    let count = usize::try_from(count).unwrap_or(0);
    if samples.is_null() || count == 0 {
        return 0;
    }
    // SAFETY: the library hands over `count` samples that stay valid during the call.
    let samples = unsafe { std::slice::from_raw_parts(samples, count) };
    // A panic must not run through C.
    let wanted =
        std::panic::catch_unwind(|| SINK.with_borrow_mut(|sink| sink.as_mut().is_some_and(|sink| sink(samples))));
    if wanted.unwrap_or(false) { 0 } else { 1 }
}
