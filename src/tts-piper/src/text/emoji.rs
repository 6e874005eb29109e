//! Pictures among the letters: emoji, dingbats, flags, and what joins and colours them.

/// The text without its emoji. Digits of a keycap stay; arrows and mathematical signs are not emoji here.
pub(crate) fn strip(text: &str) -> String {
    text.chars().map(|c| if is_picture(c) { ' ' } else { c }).filter(|c| !is_joiner(*c)).collect()
}

/// Unicode's emoji blocks (emoji-data.txt, Extended_Pictographic) without the signs that have a spoken meaning.
fn is_picture(c: char) -> bool {
    matches!(c,
        '\u{1f000}'..='\u{1faff}' // Mahjong to Symbols and Pictographs Extended-A
        | '\u{1fc00}'..='\u{1fffd}'
        | '\u{2600}'..='\u{27bf}' // Miscellaneous Symbols, Dingbats
        | '\u{2300}'..='\u{23ff}' // Miscellaneous Technical: watch, hourglass, play buttons
        | '\u{2b00}'..='\u{2bff}' // stars, squares
        | '\u{25a0}'..='\u{25ff}' // geometric shapes
        | '\u{2500}'..='\u{259f}' // box drawing and blocks
        | '\u{e000}'..='\u{f8ff}' // private use: icon fonts
        | '\u{f0000}'..='\u{10fffd}'
        | '\u{203c}' | '\u{2049}' | '\u{2122}' | '\u{2139}' | '\u{24c2}' | '\u{3030}' | '\u{303d}' | '\u{3297}' | '\u{3299}'
        | '©' | '®' | '℠'
    )
}

/// Variation selectors, the keycap, the joiner and the tags of regional flags.
fn is_joiner(c: char) -> bool {
    matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{20e3}' | '\u{200d}' | '\u{e0020}'..='\u{e007f}')
}
