//! What a listener fixes at start-up: header layout and result numbers (LKR-903).
//! It leaves out detection: a packed header cannot be told from a natural one.

/// The layout of a request's header.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Layout {
    /// 16 bytes, as a C compiler lays the struct out.
    #[default]
    Natural,
    /// 13 bytes, without padding.
    Packed,
}

/// The numbers of results.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Results {
    /// 0 to 7.
    #[default]
    Small,
    /// Linux errno values.
    Errno,
}

/// A listener's dialect; by default natural layout and small results.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Dialect {
    /// The layout of a request's header.
    pub layout: Layout,
    /// The numbers of results.
    pub results: Results,
}

impl Layout {
    /// Bytes of a request's header.
    pub const fn header_len(self) -> usize {
        self.length_at() + size_of::<u64>()
    }

    /// Where `number` starts.
    pub(super) const fn number_at(self) -> usize {
        match self {
            // A C compiler aligns the field to its own size.
            Self::Natural => size_of::<i32>(),
            Self::Packed => size_of::<u8>(),
        }
    }

    /// Where `length` starts.
    pub(super) const fn length_at(self) -> usize {
        self.number_at() + size_of::<i32>()
    }
}

// The drawing's numbers.
const _: () = {
    let natural = Layout::Natural;
    assert!(natural.number_at() == 4 && natural.length_at() == 8 && natural.header_len() == 16);
    let packed = Layout::Packed;
    assert!(packed.number_at() == 1 && packed.length_at() == 5 && packed.header_len() == 13);
};

/// The original's struct: where its C compilers ran, it must come out as the natural layout.
#[cfg(any(target_arch = "x86", target_arch = "x86_64"))]
const _: () = {
    #[repr(C)]
    struct Header {
        cmd: u8,
        number: i32,
        length: u64,
    }
    assert!(core::mem::offset_of!(Header, cmd) == 0);
    assert!(core::mem::offset_of!(Header, number) == Layout::Natural.number_at());
    assert!(core::mem::offset_of!(Header, length) == Layout::Natural.length_at());
    assert!(size_of::<Header>() == Layout::Natural.header_len());
};
