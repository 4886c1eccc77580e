//! For authors of sessions: `format FILE…` rewrites files in canonical form, `play TARGET FILE…` plays them.
//!
//! ```text
//! cargo run -p lockproof-conformance --example session -- format conformance/sessions/echo/*/*.session
//! cargo run -p lockproof-conformance --example session -- play memcached://127.0.0.1:11211 a.session
//! ```

use std::time::Duration;

use lockproof_conformance::replay::{Delivery, Direction, Options};
use lockproof_conformance::session::Session;
use lockproof_conformance::stage::Stage;
use lockproof_conformance::target::Target;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let failed = match args.split_first() {
        Some((verb, files)) if verb == "format" => format(files),
        Some((verb, rest)) if verb == "play" && !rest.is_empty() => play(&rest[0], &rest[1..]),
        Some((verb, _)) if verb == "embedded" => embedded(),
        _ => panic!("usage: format FILE… | play TARGET FILE… | embedded"),
    };
    std::process::exit(i32::from(failed > 0));
}

fn format(files: &[String]) -> usize {
    let mut failed = 0;
    for file in files {
        let text = std::fs::read_to_string(file).expect("a readable file");
        match Session::parse(&text) {
            Ok(session) if session.to_string() == text => {}
            Ok(session) => {
                println!("{file}: rewritten");
                std::fs::write(file, session.to_string()).expect("a writable file");
            }
            Err(error) => {
                println!("{file}: {error}");
                failed += 1;
            }
        }
    }
    failed
}

#[tokio::main(flavor = "current_thread")]
async fn play(url: &str, files: &[String]) -> usize {
    let target = Target::parse(url).expect("a target");
    let timeout = Duration::from_secs(3);
    let stage = Stage::new(target, timeout).await.expect("a server");
    let mut failed = 0;
    for file in files {
        let text = std::fs::read_to_string(file).expect("a readable file");
        let session = match Session::parse(&text) {
            Ok(session) => session,
            Err(error) => {
                println!("{file}: {error}");
                failed += 1;
                continue;
            }
        };
        for delivery in Delivery::ALL {
            let options = Options { delivery, timeout, seed: u64::from(std::process::id()) };
            let played = stage.play(&session, options).await;
            for lenient in &played.lenient {
                println!("{file} [{}] lenient: {lenient}", delivery.name());
            }
            let Some(failure) = played.failure else { continue };
            failed += 1;
            println!(
                "{file}:{} [{}] {}\n    {}",
                failure.line,
                delivery.name(),
                failure.step,
                failure.problem
            );
            for difference in failure.differences {
                println!("    {difference}");
            }
            for event in played.transcript.events.iter().rev().take(6).rev() {
                let arrow = if event.direction == Direction::Sent { '>' } else { '<' };
                let hex: String =
                    event.bytes.iter().take(64).map(|byte| format!("{byte:02x}")).collect();
                println!(
                    "      {:>6}ms {}{arrow} {}{hex}",
                    event.at.as_millis(),
                    event.conn,
                    event.note.unwrap_or("")
                );
            }
        }
    }
    println!("{} files, {failed} failures", files.len());
    failed
}

/// Serves all protocols until killed.
#[tokio::main]
async fn embedded() -> usize {
    use lockproof_reference_server::{Embedded, EmbeddedConfig};
    let server = Embedded::start(EmbeddedConfig::default()).await.expect("ports");
    println!(
        "memcached://{}?sasl=user:password&sasl-port={}",
        server.memcached(),
        server.memcached_sasl().port()
    );
    println!(
        "netmem://{}\nlocker://{}\necho://{}",
        server.netmem(),
        server.locker(),
        server.echo()
    );
    std::future::pending::<()>().await;
    0
}
