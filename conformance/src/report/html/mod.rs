//! The report as one HTML file that asks for nothing else: no network, no fonts, no frames.
//!
//! All of it is written here, escaped by `maud`; `page.js` only filters and copies, and the page reads well without it.
//! A policy in the page's head lets no other style or script run than those two files: what a hostile server said stays
//! text even if an escape were missing. Left out: everything that needs a server behind the page.

mod case;
mod filter;
mod page;
mod report;

pub(super) use filter::{Facet, filter, nothing};
pub(super) use page::mark;
pub use page::{Page, Part};
