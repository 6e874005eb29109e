//! Where eSpeak NG's data (phonemes, dictionaries, voices) lies.

use std::path::{Path, PathBuf};

const FOLDER: &str = "espeak-ng-data";

/// Environment variables that name the folder, ours first, then eSpeak NG's own and that of espeak-rs.
const VARIABLES: [&str; 3] = ["VESTA_ESPEAK_DATA", "ESPEAK_DATA_PATH", "PIPER_ESPEAKNG_DATA_DIRECTORY"];

/// Where packages put it: Debian (multiarch), other Linux, Homebrew on both kinds of Mac, MacPorts.
const SYSTEM: [&str; 9] = [
    "/usr/share",
    "/usr/lib/x86_64-linux-gnu",
    "/usr/lib/aarch64-linux-gnu",
    "/usr/lib/arm-linux-gnueabihf",
    "/usr/lib",
    "/usr/local/share",
    "/opt/homebrew/share",
    "/usr/local/opt/espeak-ng/share",
    "/opt/local/share",
];

/// The places to try, in order. `None` stands for the place that the library was built with.
#[derive(Debug)]
pub(crate) struct Candidates {
    pub(crate) places: Vec<Option<PathBuf>>,
    /// The user named the place: no other one will do.
    pub(crate) named: bool,
}

/// The folder that holds `phontab`, given it or its parent.
pub(crate) fn folder_in(place: &Path) -> Option<PathBuf> {
    let candidates = [place.join(FOLDER), place.to_path_buf()];
    candidates.into_iter().find(|folder| folder.join("phontab").is_file())
}

/// The places in order: the one asked for; the environment's; beside the program; what the library was built with; the system's.
pub(crate) fn candidates(asked: Option<&Path>) -> Candidates {
    if let Some(asked) = asked {
        return Candidates { places: vec![Some(asked.to_path_buf())], named: true };
    }
    let mut places: Vec<Option<PathBuf>> =
        VARIABLES.iter().filter_map(std::env::var_os).map(|value| Some(value.into())).collect();
    if let Ok(program) = std::env::current_exe()
        && let Some(folder) = program.parent()
    {
        places.push(Some(folder.to_path_buf()));
        places.push(Some(folder.join("../share/vesta")));
        places.push(Some(folder.join("../share")));
    }
    places.push(None);
    places.extend(SYSTEM.iter().map(|place| Some(PathBuf::from(place))));
    Candidates { places, named: false }
}

/// The variants in the data: small files that change a voice's pitch and colour.
pub(crate) fn variants(data: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(Path::new(data).join("voices/!v")) else { return Vec::new() };
    let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
    names.sort();
    names
}
