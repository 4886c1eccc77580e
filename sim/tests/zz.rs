//! scratch
use lockproof_sim::{scenario::Scenario, server::Server};
#[test]
fn timing() {
    let server = Server::from_name(&std::env::var("SRV").unwrap_or("reference".into())).unwrap();
    let only = std::env::var("ROW").unwrap_or_default();
    let n: u64 = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(5);
    for s in Scenario::all().filter(|s| s.name().contains(&only)) {
        let t = std::time::Instant::now();
        let outs: Vec<_> = (0..n).map(|seed| s.run(server, seed)).collect();
        let words: Vec<_> = outs.iter().map(|o| o.word()).collect();
        println!("{:<45} {:>6} ms {:?} lasted {:?} ops {}", s.name(), t.elapsed().as_millis() / u128::from(n), words, outs[0].lasted, outs[0].operations);
        for o in outs.iter().filter(|o| o.word() != "ok") { println!("    {:?} {:?}", o.violations, o.inert); }
    }
}
