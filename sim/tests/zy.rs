//! scratch
#[test]
fn catches() {
    let n = std::env::var("N").ok().and_then(|n| n.parse().ok()).unwrap_or(3);
    println!("{}", lockproof_sim::catch::markdown(&lockproof_sim::catch::every_flaw(n, 2)));
}
