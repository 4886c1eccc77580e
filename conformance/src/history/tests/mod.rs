//! Tests of the checker and of its models.

mod brute;
mod by_hand;
mod checker;
mod generated;
mod server;
mod support;
