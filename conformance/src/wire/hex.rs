//! Hexdumps for reports: offset, sixteen bytes, the same as text.

use std::fmt::Write;

const ROW: usize = 16;

/// A hexdump of at most `most` bytes, each row behind `indent`.
pub fn dump(bytes: &[u8], most: usize, indent: &str) -> String {
    let mut text = String::new();
    for (index, row) in bytes.iter().take(most).collect::<Vec<_>>().chunks(ROW).enumerate() {
        let hex: Vec<String> = row.iter().map(|byte| format!("{byte:02x}")).collect();
        let (left, right) = hex.split_at(hex.len().min(ROW / 2));
        let plain: String = row
            .iter()
            .map(|&&byte| if (0x20..0x7f).contains(&byte) { char::from(byte) } else { '.' })
            .collect();
        let _ = writeln!(
            text,
            "{indent}{:04x}  {:<23}  {:<23}  {plain}",
            index * ROW,
            left.join(" "),
            right.join(" ")
        );
    }
    if bytes.len() > most {
        let _ = writeln!(text, "{indent}…     {} bytes more", bytes.len() - most);
    }
    text
}
