//! Small recordings and the sessions they become.
