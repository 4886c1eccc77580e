//! A lock's holder dies: the production server runs in the simulator, in virtual time, and one seed gives one trace.

use lockproof_sim::holder::holder_dies;

#[test]
fn one_seed_gives_one_trace_and_another_seed_another() {
    let first = holder_dies(7).expect("the waiter is granted");
    let second = holder_dies(7).expect("the waiter is granted");
    assert_eq!(first.text(), second.text());
    assert_eq!(first.hash(), second.hash());
    let other = holder_dies(8).expect("the waiter is granted");
    assert_ne!(first.hash(), other.hash(), "the seed has no effect");
}

#[test]
fn a_dead_holder_frees_its_page_on_many_seeds() {
    for seed in 0..50 {
        if let Err(violation) = holder_dies(seed) {
            panic!("seed {seed}: {violation}");
        }
    }
}
