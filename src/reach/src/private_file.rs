//! Files that only their owner may read, written whole or not at all.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::Path;

use crate::ReachError;

/// Reads a text; `None` where there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<String>, ReachError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(ReachError::unreadable(path, error)),
    }
}

/// Writes a text for the owner's eyes alone. After a power cut there is the old text or the new one.
pub(crate) fn write(path: &Path, text: &str) -> Result<(), ReachError> {
    let failed = |error| ReachError::unwritable(path, error);
    let folder = path.parent().unwrap_or(Path::new("."));
    make_folder(folder)?;
    let mut draft = path.as_os_str().to_owned();
    draft.push(".new");
    // A draft that a crash left behind may have been made with other rights.
    let _ = fs::remove_file(&draft);
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    fs::rename(&draft, path).map_err(failed)?;
    fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

fn make_folder(folder: &Path) -> Result<(), ReachError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|error| ReachError::unwritable(folder, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn nobody_else_may_read() {
        use std::os::unix::fs::PermissionsExt;
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join("reach/key.pem");
        write(&file, "one").unwrap();
        write(&file, "two").unwrap();
        assert_eq!(read(&file).unwrap().as_deref(), Some("two"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(file.parent().unwrap())), (0o600, 0o700));
        assert_eq!(read(&place.path().join("nothing")).unwrap(), None);
    }
}
