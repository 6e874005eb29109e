//! Links what eSpeak NG's own build found on this system: espeak-rs-sys links eSpeak NG itself and leaves these two out.
//!
//! The search is that of its CMake files: libsonic and libpcaudio are used where both the library and its header are found. Without
//! libsonic its build takes sonic's sources in; without libpcaudio it goes without; on macOS espeak-rs-sys turns libpcaudio off.

use std::path::{Path, PathBuf};

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=normalise");
    let target = std::env::var("TARGET").unwrap_or_default();
    let macos = target.contains("apple");
    let prefixes = ["/usr", "/usr/local", "/opt/homebrew", "/opt/local"].map(PathBuf::from);
    // "x86_64-unknown-linux-gnu" is Debian's "x86_64-linux-gnu".
    let multiarch = target.replace("-unknown", "");
    for (library, header) in [("sonic", "sonic.h"), ("pcaudio", "pcaudiolib/audio.h")] {
        if macos && library == "pcaudio" {
            continue;
        }
        let has_header = |prefix: &PathBuf| prefix.join("include").join(header).is_file();
        if !prefixes.iter().any(has_header) {
            continue;
        }
        let folders = prefixes
            .iter()
            .flat_map(|prefix| [prefix.join("lib").join(&multiarch), prefix.join("lib64"), prefix.join("lib")]);
        let holds = |folder: &PathBuf| ["so", "dylib", "a"].iter().any(|ending| exists(folder, library, ending));
        if let Some(folder) = folders.into_iter().find(holds) {
            // Arguments, since they come after eSpeak NG's archive on the linker's command line.
            println!("cargo:rustc-link-arg=-L{}", folder.display());
            println!("cargo:rustc-link-arg=-l{library}");
        }
    }
}

fn exists(folder: &Path, library: &str, ending: &str) -> bool {
    folder.join(format!("lib{library}.{ending}")).exists()
}
