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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_with_their_unit() {
        assert_eq!("64MiB".parse::<Size>().map(|size| size.0), Ok(64 << 20));
        assert_eq!("512".parse::<Size>().map(|size| size.0), Ok(512));
        for text in ["", "0", "64MB", "-1MiB", "1.5GiB", "99999999999999999999", "18446744073709551615GiB"] {
            assert!(text.parse::<Size>().is_err(), "{text}");
        }
    }
}
