//! An enum of flaws, a line each.

/// Writes `Flaw`: a name and a sentence each, in the order of the list.
macro_rules! listed {
    ($(#[$doc:meta])* $($name:ident $about:literal)*) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
        pub enum Flaw {
            $(#[doc = $about] $name,)*
        }

        impl Flaw {
            /// All of them.
            pub const ALL: [Self; [$(stringify!($name)),*].len()] = [$(Self::$name),*];

            /// Its number in the list of flaws.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => stringify!($name),)*
                }
            }

            /// What it does, in a sentence.
            pub const fn about(self) -> &'static str {
                match self {
                    $(Self::$name => $about,)*
                }
            }
        }
    };
}

pub(super) use listed;
