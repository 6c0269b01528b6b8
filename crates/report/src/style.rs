//! The style sheet: the product's colours for light and dark, one column of at most 1680 pixels, nothing that moves.

/// Colours by token, light first.
const TOKENS: &[(&str, &str, &str)] = &[
    ("bg", "#fbfbfa", "#111317"),
    ("panel", "#ffffff", "#17191e"),
    ("ink", "#1b1d22", "#e8e8e6"),
    ("mute", "#62666f", "#9a9fa9"),
    ("line", "#e7e6e3", "#2a2d34"),
    ("soft", "#f3f2ef", "#1d2026"),
    ("ok", "#016d46", "#88e3d6"),
    ("ok-tint", "#e2f4ec", "#12332a"),
    ("warn", "#8a5610", "#feba50"),
    ("warn-tint", "#fdf1d9", "#3a2c10"),
    ("bad", "#7a0911", "#f57a6a"),
    ("bad-tint", "#fde7de", "#43200f"),
    ("wait", "#7b27c0", "#d3a5fe"),
    ("wait-tint", "#eee9fb", "#2b2447"),
    ("none", "#5c626d", "#9aa1ab"),
    ("none-tint", "#eeeeec", "#24272d"),
    ("first", "#1373d3", "#70abdb"),
    ("second", "#cb701b", "#e9ae20"),
];

const RULES: &str = "\
*{box-sizing:border-box}\
body{margin:0;background:var(--bg);color:var(--ink);font:14px/20px Inter,system-ui,-apple-system,'Segoe UI',sans-serif;font-variant-numeric:tabular-nums}\
main{max-width:1680px;margin:0 auto;padding:24px 16px 48px}\
h1{font-size:20px;line-height:26px;letter-spacing:-.015em;margin:0 0 4px;overflow-wrap:anywhere}\
h2{font-size:16px;line-height:22px;margin:32px 0 8px}\
p{margin:4px 0 12px;max-width:76ch;overflow-wrap:anywhere}\
td.heat{background:color-mix(in srgb,var(--first) var(--share),transparent)}\
.verdict{padding:8px 12px;border-radius:6px;border:1px solid var(--line)}\
.facts{display:flex;flex-wrap:wrap;gap:4px 24px;margin:12px 0;padding:0;list-style:none}\
.facts b{font-weight:600}\
.mute,.facts,figcaption,footer,th{color:var(--mute)}\
.facts b,summary b{color:var(--ink)}\
.wide{overflow-x:auto;border:1px solid var(--line);border-radius:10px;background:var(--panel)}\
table{border-collapse:collapse;width:100%}\
th{font-weight:550;text-align:left;border-bottom:1px solid var(--line);position:sticky;top:0;background:var(--panel)}\
th,td{padding:6px 9px;vertical-align:top}\
tr+tr td{border-top:1px solid var(--line)}\
.n{text-align:right}\
td.n{white-space:nowrap}\
td.name{overflow-wrap:anywhere;max-width:56ch}\
.ok{color:var(--ok)}.warn{color:var(--warn)}.bad{color:var(--bad)}.wait{color:var(--wait)}.none,.thin{color:var(--none)}\
.chip{white-space:nowrap;border-radius:6px;padding:1px 7px}\
.chip.ok,.verdict.ok{background:var(--ok-tint)}.chip.warn,.verdict.warn{background:var(--warn-tint)}\
.chip.bad,.verdict.bad{background:var(--bad-tint)}.chip.wait,.verdict.wait{background:var(--wait-tint)}\
.chip.none,.chip.thin,.verdict.none,.verdict.thin{background:var(--none-tint)}\
details{border:1px solid var(--line);border-radius:10px;background:var(--panel);margin:8px 0}\
summary{padding:8px 12px;cursor:pointer;overflow-wrap:anywhere}\
summary:focus-visible{outline:2px solid var(--first)}\
details>div{padding:0 12px 12px}\
.grid{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(400px,100%),1fr));gap:12px}\
figure{margin:8px 0;max-width:560px;padding:8px;border:1px solid var(--line);border-radius:10px;background:var(--panel)}\
svg{display:block;width:100%;height:auto;max-width:520px}\
svg text{font:11px Inter,system-ui,sans-serif;fill:var(--mute)}\
svg .name{fill:var(--ink)}\
svg .axis{stroke:var(--mute);stroke-opacity:.5}\
svg .limit{fill:none;stroke:var(--mute);stroke-dasharray:4 3}svg .bound{fill:var(--ink);paint-order:stroke;stroke:var(--panel);stroke-width:3px}\
svg .ref{fill:none;stroke:var(--first);stroke-width:1.5}\
svg .cur{fill:var(--second);fill-opacity:.45}\
svg .refbar{fill:var(--first)}\
svg .curbar{fill:var(--second)}\
svg .curve{fill:none;stroke:var(--first);stroke-width:2}\
svg .dot{fill:var(--first)}\
svg .band{fill:var(--first);fill-opacity:.16}\
svg .open{fill:var(--panel);stroke:var(--first);stroke-width:1.5}svg .dot.none{fill:var(--none)}\
svg .whisker{stroke:var(--first);stroke-width:2}\
svg .whisker.warn,svg .whisker.bad{stroke:currentColor}svg .dot.warn,svg .dot.bad{fill:currentColor}\
.key{display:inline-block;width:10px;height:10px;border-radius:2px;margin:0 4px 0 12px}\
.key.ref{border:2px solid var(--first)}.key.cur{background:var(--second);opacity:.6}\
footer{margin-top:40px;border-top:1px solid var(--line);padding-top:12px}\
@media print{details{break-inside:avoid}body{background:#fff}}";

/// The whole sheet.
pub(crate) fn sheet() -> String {
    let tokens = |pick: fn(&(&str, &str, &str)) -> String| TOKENS.iter().map(pick).collect::<String>();
    let light = tokens(|(name, light, _)| format!("--{name}:{light};"));
    let dark = tokens(|(name, _, dark)| format!("--{name}:{dark};"));
    format!(
        ":root{{color-scheme:light dark;{light}}}@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{RULES}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// WCAG's relative luminance.
    fn luminance(colour: &str) -> f64 {
        let channel = |at: usize| {
            let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if value <= 0.040_45 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn texts_can_be_read_on_their_grounds_in_light_and_dark() {
        let of = |name: &str, dark: bool| {
            let token = TOKENS.iter().find(|token| token.0 == name).unwrap();
            if dark { token.2 } else { token.1 }
        };
        for dark in [false, true] {
            for (text, grounds) in [
                ("ink", vec!["bg", "panel", "soft", "ok-tint", "warn-tint", "bad-tint"]),
                ("mute", vec!["bg", "panel"]),
                ("ok", vec!["panel", "ok-tint"]),
                ("warn", vec!["panel", "warn-tint"]),
                ("bad", vec!["panel", "bad-tint"]),
                ("wait", vec!["panel", "wait-tint"]),
                ("none", vec!["panel", "none-tint"]),
            ] {
                for ground in grounds {
                    let found = contrast(of(text, dark), of(ground, dark));
                    assert!(found >= 4.5, "{text} on {ground}, dark {dark}: {found:.2}");
                }
            }
            // The darkest ground of a cell that is shaded by its share: half of the colour.
            let half = |at: usize| {
                let channel = |name: &str| u16::from_str_radix(&of(name, dark)[at..at + 2], 16).unwrap();
                format!("{:02x}", (channel("first") + channel("panel")) / 2)
            };
            let shaded = format!("#{}{}{}", half(1), half(3), half(5));
            assert!(contrast(of("ink", dark), &shaded) >= 4.5, "{shaded}, dark {dark}");
            for series in ["first", "second"] {
                assert!(contrast(of(series, dark), of("panel", dark)) >= 3.0, "{series}");
            }
        }
    }

    #[test]
    fn the_sheet_needs_nothing_from_outside() {
        let sheet = sheet();
        assert!(!sheet.contains("url(") && !sheet.contains("@import") && !sheet.contains("http"));
        assert!(sheet.contains("prefers-color-scheme:dark"));
    }
}
