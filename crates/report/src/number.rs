//! Numbers as a person reads them: four significant digits, thin spaces between thousands.

/// Between groups of three digits.
const THIN: char = '\u{202f}';

/// A number with four significant digits; what is not finite is a dash.
pub fn number(value: f64) -> String {
    if !value.is_finite() {
        return "–".to_owned();
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e12).contains(&size) {
        return format!("{value:.3e}");
    }
    if size >= 10_000.0 {
        return signed(value, whole(size.round() as u64));
    }
    let digits = (3 - size.log10().floor() as i32).clamp(0, 8) as usize;
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

fn signed(value: f64, text: String) -> String {
    if value < 0.0 { format!("-{text}") } else { text }
}

/// A count with thin spaces between groups of three.
pub fn whole(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3 * THIN.len_utf8());
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(THIN);
        }
        out.push(digit);
    }
    out
}

/// A share as percent with two significant digits.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    match percent {
        p if !p.is_finite() => "–".to_owned(),
        0.0 => "0 %".to_owned(),
        p if p < 0.01 => "<0.01 %".to_owned(),
        p if p < 1.0 => format!("{p:.2} %"),
        p if p < 10.0 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_four_digits_and_no_noise() {
        let shown = [0.0, 1.0, 0.791_23, 12.0, 12.3456, 9999.6, 123_456.7, -20_000.0, 1e-7, 1e15, f64::NAN].map(number);
        let want = [
            "0",
            "1",
            "0.7912",
            "12",
            "12.35",
            "10000",
            "123\u{202f}457",
            "-20\u{202f}000",
            "1.000e-7",
            "1.000e15",
            "–",
        ];
        assert_eq!(shown, want);
    }

    #[test]
    fn counts_and_shares_are_grouped_and_rounded() {
        assert_eq!([0, 999, 1000, 1_234_567].map(whole), ["0", "999", "1\u{202f}000", "1\u{202f}234\u{202f}567"]);
        assert_eq!(
            [0.0, 0.000_01, 0.005, 0.05, 0.42, 1.0].map(percent),
            ["0 %", "<0.01 %", "0.50 %", "5.0 %", "42 %", "100 %"]
        );
    }
}
