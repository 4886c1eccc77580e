//! What must not compile: an `await` in a closure, and a reference that leaves one.
//!
//! Each program that must fail stands beside one that compiles and differs in the offence alone, and
//! must fail for its own reason. Doc tests cannot say so: on a stable compiler `compile_fail` takes
//! any error at all.
#![cfg(not(any(lock_loom, lock_shuttle, miri)))]

use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles the lock once, without cargo, and programs against it.
struct Compiler {
    folder: PathBuf,
}

impl Compiler {
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let compiler = Self { folder };
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs");
        compiler.compile("lockproof_rwlock", &source).expect("the lock itself must compile");
        compiler
    }

    /// The errors, if there are any.
    fn compile(&self, name: &str, source: &Path) -> Result<(), String> {
        let rustc = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        let output = Command::new(rustc)
            .args(["--edition", "2024", "--crate-type", "rlib", "--emit", "metadata"])
            .args(["--cap-lints", "allow", "--crate-name", name])
            .arg("-L")
            .arg(&self.folder)
            .arg("--out-dir")
            .arg(&self.folder)
            .arg(source)
            .output()
            .expect("rustc does not start");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if output.status.success() { Ok(()) } else { Err(errors) }
    }

    fn program(&self, name: &str, text: &str) -> Result<(), String> {
        let source = self.folder.join(format!("{name}.rs"));
        let text = format!("extern crate lockproof_rwlock;\nuse lockproof_rwlock::RwLock;\n{text}");
        std::fs::write(&source, text).unwrap();
        self.compile(name, &source)
    }

    /// `right` compiles; with `offence` in place of `part` it does not, and the compiler says `why`.
    fn refuses(&self, name: &str, right: &str, part: &str, offence: &str, why: &str) {
        assert!(right.contains(part));
        self.program(&format!("{name}_right"), right).unwrap_or_else(|errors| panic!("{errors}"));
        let errors = self.program(&format!("{name}_wrong"), &right.replace(part, offence));
        let errors = errors.expect_err("it compiles");
        assert!(errors.contains(why), "refused, but not because of {why}:\n{errors}");
    }
}

#[test]
fn await_cannot_stand_in_a_closure() {
    let right = "
        async fn send(_: u64) {}
        pub async fn answer(lock: &RwLock<u64>) {
            let value = lock.read(|value| *value);
            send(value).await;
        }";
    let compiler = Compiler::new("await");
    compiler.refuses(
        "read",
        right,
        "|value| *value",
        "|value| { send(*value).await; *value }",
        "E0728",
    );
    let right = right.replace("read(|value| *value)", "write(|value| *value)");
    compiler.refuses(
        "write",
        &right,
        "|value| *value",
        "|value| { send(*value).await; *value }",
        "E0728",
    );
}

#[test]
fn future_of_a_closure_cannot_borrow_the_value() {
    let right = "
        pub async fn answer(lock: &RwLock<u64>) -> u64 {
            lock.read(|value| { let value = *value; async move { value } }).await
        }";
    let compiler = Compiler::new("future");
    let why = "lifetime may not live long enough";
    compiler.refuses(
        "future",
        right,
        "let value = *value; async move { value }",
        "async move { *value }",
        why,
    );
}

#[test]
fn reference_cannot_be_returned() {
    let right = "pub fn first(lock: &RwLock<Vec<u64>>) -> u64 { *lock.read(|values| VALUES) }"
        .replace("*lock", "lock")
        .replace("VALUES", "values[0]");
    let compiler = Compiler::new("returned");
    let why = "lifetime may not live long enough";
    compiler.refuses(
        "returned",
        &right,
        "-> u64 { lock.read(|values| values[0]) }",
        "-> u64 { *lock.read(|values| &values[0]) }",
        why,
    );
}

#[test]
fn reference_cannot_be_stored() {
    let right = "
        pub fn first(lock: &RwLock<u64>) {
            let mut kept = None;
            lock.write(|value| kept = Some(*value));
            drop(kept);
        }";
    let compiler = Compiler::new("stored");
    compiler.refuses("stored", right, "Some(*value)", "Some(value)", "E0521");
}

#[test]
fn value_that_is_not_send_or_sync_is_not_shared() {
    let right = "
        fn shared<T: Sync>(_: &T) {}
        pub fn share() { shared(&RwLock::new(std::sync::atomic::AtomicU8::new(0))); }";
    let compiler = Compiler::new("shared");
    let value = "std::sync::atomic::AtomicU8::new(0)";
    compiler.refuses("sync", right, value, "std::cell::Cell::new(0_u8)", "E0277");
    compiler.refuses("send", right, value, "std::sync::Mutex::new(0_u8).lock().unwrap()", "E0277");
}
