//! Writes the seeds of every target that has some: `seeds FOLDER`, a folder in it for each.

use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};

use lockproof_fuzz::seeds;

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).map(PathBuf::from);
    let folder = folder.ok_or_else(|| Error::other("usage: seeds FOLDER"))?;
    let conformance = Path::new(env!("CARGO_MANIFEST_DIR")).join("../conformance");
    for (target, inputs) in seeds::all(&conformance)? {
        fs::create_dir_all(folder.join(target))?;
        for (number, input) in inputs.iter().enumerate() {
            fs::write(folder.join(target).join(format!("seed-{number:03}")), input)?;
        }
        println!("{target}: {} seeds", inputs.len());
    }
    Ok(())
}
