//! Files with secrets: what others can read is refused.

use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The text of a file that its owner alone can read and change.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let metadata = std::fs::metadata(path).map_err(|error| wrong(path, &error.to_string()))?;
    let mode = metadata.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(wrong(
            path,
            &format!(
                "others can read or change it (mode {mode:03o}); chmod 600 keeps it to its owner"
            ),
        ));
    }
    std::fs::read_to_string(path).map_err(|error| wrong(path, &error.to_string()))
}

/// A sentence with the file's name.
pub(crate) fn wrong(path: &Path, problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{}: {problem}", path.display()))
}
