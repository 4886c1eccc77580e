//! probe
use lockproof_sim::matrix::*;
use lockproof_sim::scenario::Scenario;
use lockproof_sim::server::Server;
#[test]
fn probe() {
    let filter = std::env::var("P").unwrap_or("locker/".into());
    if let Ok(server) = std::env::var("S") {
        for s in Scenario::all().filter(|s| s.name().contains(&filter)) {
            for seed in 0..std::env::var("N").map_or(3, |n| n.parse().unwrap()) {
                let o = s.run(Server::from_name(&server).unwrap(), seed);
                println!(
                    "{} {seed} {} {:?} ops {} worst {:?} inert {:?}\n{}",
                    s.name(),
                    o.word(),
                    o.violations.iter().map(|v| v.to_string()).collect::<Vec<_>>(),
                    o.operations,
                    o.worst,
                    o.inert,
                    if std::env::var("T").is_ok() { o.trace.text() } else { "" }
                );
            }
        }
        return;
    }
    if std::env::var("M").is_ok() {
        let m = Matrix::of(1, 2);
        println!("{}", m.markdown());
        println!("{:?}", m.escaped());
    }
    let m = Matrix::of_locks(1, 2);
    println!("{}", m.markdown());
    println!("{:?}", m.escaped());
    let m = Matrix::of_pages(1, 2);
    println!("{}", m.markdown());
    println!("{:?}", m.escaped());
}
#[test]
fn swarmed() {
    use lockproof_sim::{config::Protocol, swarm::draw, sweep::sweep};
    let server = Server::from_name(&std::env::var("S").unwrap_or("reference".into())).unwrap();
    let n: u64 = std::env::var("N").map_or(300, |n| n.parse().unwrap());
    let s = sweep(0..n, 2, |seed| draw(server, seed), |_| {});
    println!(
        "{} ok {} wasted {} failed {:?}",
        server,
        s.ok,
        s.wasted,
        s.failed.iter().map(|(k, v)| (k, v.violations[0].to_string())).take(8).collect::<Vec<_>>()
    );
    for seed in 0..n {
        let r = draw(server, seed);
        if r.config.protocol == Protocol::Locker && s.failed.is_empty() && s.wasted > 0 {
            let o = r.outcome();
            if !o.inert.is_empty() {
                println!("{seed} {:?}\n{}", o.inert, r.plan);
            }
        }
    }
}
