//! Tests of the checker and of its models.

mod brute;
mod by_hand;
mod checker;
mod generated;
mod leases;
mod leasing;
mod server;
mod support;
