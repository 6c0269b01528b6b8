//! How wide a text of a picture is, and what of it fits.
//!
//! Which font a reader has is not known, so widths are those of a wide one (DejaVu Sans at 11 pixels): what fits there
//! fits in narrower ones too.

/// Pixels that a text of a picture takes at most.
pub(crate) fn text_width(text: &str) -> f64 {
    text.chars().map(char_width).sum()
}

/// `text`, cut in its middle where it is wider than `room` pixels: names often differ only at their ends.
pub(crate) fn shorten_to_fit(text: &str, room: f64) -> String {
    if text_width(text) <= room {
        return text.to_owned();
    }
    let room = room - char_width('…');
    let head = count_fitting(text.chars(), 0.55 * room);
    let chars: Vec<char> = text.chars().collect();
    let tail = count_fitting(
        chars[head..].iter().rev().copied(),
        room - text_width(&chars[..head].iter().collect::<String>()),
    );
    let (head, tail): (String, String) = (chars[..head].iter().collect(), chars[chars.len() - tail..].iter().collect());
    format!("{head}…{tail}")
}

/// How many of `chars` have room.
fn count_fitting(chars: impl Iterator<Item = char>, room: f64) -> usize {
    let mut width = 0.0;
    let fits = |c: char| {
        width += char_width(c);
        width <= room
    };
    chars.map(fits).take_while(|fits| *fits).count()
}

fn char_width(c: char) -> f64 {
    match c {
        'i' | 'j' | 'l' | '\'' | '|' => 3.3,
        ' ' | '.' | ',' | ':' | ';' | 'f' | 'r' | 't' | 'I' | '(' | ')' | '[' | ']' | '-' | '/' | '\u{202f}' => 4.6,
        'm' | 'w' | 'M' | 'W' | '%' | '@' => 10.8,
        '0'..='9' => 7.0,
        'a'..='z' | '_' => 6.8,
        'A'..='Z' => 8.2,
        // Marks that stand over the character before them.
        '\u{300}'..='\u{36f}' | '\u{200b}'..='\u{200d}' | '\u{20d0}'..='\u{20ff}' | '\u{fe00}'..='\u{fe0f}' => 0.0,
        // Scripts and symbols as wide as they are high.
        '\u{1100}'..='\u{11ff}' | '\u{2e80}'..='\u{d7ff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}' => 11.0,
        c if u32::from(c) > 0xffff => 14.0,
        _ => 9.2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_too_wide_is_cut_in_its_middle() {
        assert_eq!(shorten_to_fit("age", 60.0), "age");
        let long = "a_very_long_column_name_with_units_per_square_metre";
        let cut = shorten_to_fit(long, 120.0);
        assert!(text_width(&cut) <= 120.0 && cut.starts_with("a_very") && cut.ends_with("metre"), "{cut}");
        assert!(text_width("西日本") > text_width("abc") && text_width("e\u{301}") == text_width("e"));
    }

    proptest! {
        #[test]
        fn whatever_is_cut_fits(text in any::<String>(), room in 20.0..300.0_f64) {
            let cut = shorten_to_fit(&text, room);
            prop_assert!(text_width(&cut) <= room + 1e-9, "{} of {}", text_width(&cut), room);
            prop_assert!(cut == text || cut.contains('…'));
        }
    }
}
