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

#[test]
fn swarmed() {
    let server = Server::from_name(&std::env::var("SRV").unwrap_or("reference".into())).unwrap();
    let n: u64 = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(200);
    let from: u64 = std::env::var("FROM").ok().and_then(|n| n.parse().ok()).unwrap_or(0);
    let t = std::time::Instant::now();
    let swept = lockproof_sim::sweep::sweep(from..from + n, 2, |seed| lockproof_sim::swarm::draw(server, seed), |_| {});
    println!("ok {} wasted {} failed {} in {:?}", swept.ok, swept.wasted, swept.failed.len(), t.elapsed());
    for (seed, o) in &swept.failed { println!("{seed}: {:?}\n{}", o.violations, lockproof_sim::swarm::draw(server, *seed).plan); }
    for seed in from..from + n.min(60) { let o = lockproof_sim::swarm::draw(server, seed).outcome(); if !o.inert.is_empty() { println!("inert {seed} {:?}", o.inert); } }
}
