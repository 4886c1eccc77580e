//! The macros in which a protocol lists its defects, a line or two each.

/// Makes of `Variant "name" "what the server then does",` lines: the enum `Switch`, and the table `DEFECTS`
/// with a line for each.
macro_rules! switch_table {
    ($($variant:ident $name:literal $about:literal,)*) => {
        /// One thing that this server can do wrong.
        #[derive(Clone, Copy, Debug, Eq, PartialEq)]
        pub(super) enum Switch { $($variant,)* }

        /// All of them.
        pub(super) const DEFECTS: &[$crate::Defect] =
            &[$($crate::Defect { name: $name, about: $about },)*];

        impl Switch {
            /// The one of that name; nothing for a name that is not in the table.
            pub(super) fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }
    };
}

/// As `switch_table`, with `Switches`, which knows the one that is on.
macro_rules! switches {
    ($($line:tt)*) => {
        $crate::switches::switch_table! { $($line)* }

        /// Which one is on, if any.
        #[derive(Clone, Copy, Debug)]
        pub(super) struct Switches(Option<Switch>);

        impl Switches {
            /// With the one of that name on; a name that is not in the table switches nothing on.
            pub(super) fn named(name: Option<&str>) -> Self {
                Self(name.and_then(Switch::named))
            }

            /// Is it on?
            pub(super) fn on(self, switch: Switch) -> bool {
                self.0 == Some(switch)
            }
        }
    };
}

pub(crate) use {switch_table, switches};
