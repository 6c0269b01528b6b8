//! A number of bytes as people write it: `64MiB`.

use std::str::FromStr;

/// Bytes, written with a unit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(usize);

impl Size {
    pub(crate) fn bytes(self) -> usize {
        self.0
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is not a size: write it like 64MiB, 512KiB or 1GiB");
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let factor = match text[split..].trim() {
            "" | "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return Err(wrong()),
        };
        let count: usize = text[..split].parse().map_err(|_| wrong())?;
        count.checked_mul(factor).filter(|&bytes| bytes > 0).map(Self).ok_or_else(wrong)
    }
}

/// Bytes for a person: `3.4 MiB`.
pub(crate) fn in_words(bytes: u64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let (mut value, mut unit) = (bytes as f64, 0);
    while value >= 1024.0 && unit + 1 < units.len() {
        (value, unit) = (value / 1024.0, unit + 1);
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{value:.1} {}", units[unit]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_written_with_their_unit() {
        let written = [0, 1023, 1024, 3_565_158, 5 << 40, u64::MAX].map(in_words);
        assert_eq!(written, ["0 B", "1023 B", "1.0 KiB", "3.4 MiB", "5.0 TiB", "16777216.0 TiB"]);
    }

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!("64MiB".parse::<Size>().map(|size| size.0), Ok(64 << 20));
        assert_eq!("512".parse::<Size>().map(|size| size.0), Ok(512));
        for text in ["", "0", "64MB", "-1MiB", "1.5GiB", "99999999999999999999", "18446744073709551615GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
