//! Colours: names, and the ways in which lamps write them down.

use std::collections::HashMap;
use std::sync::LazyLock;

use serde_json::Value;

use crate::action::Rgb;

/// Hue in degrees (0-360) and saturation in percent (0-100).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Hs(pub(crate) f64, pub(crate) f64);

/// Chromaticity (CIE 1931).
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Xy(pub(super) f64, pub(super) f64);

static NAMES: LazyLock<HashMap<&'static str, Rgb>> = LazyLock::new(|| {
    let rows = include_str!("../data/colors.tsv").lines().filter(|line| !line.starts_with('#'));
    rows.filter_map(|line| {
        let mut columns = line.split('\t');
        let name = columns.next()?;
        let mut channel = || columns.next()?.parse().ok();
        Some((name, Rgb(channel()?, channel()?, channel()?)))
    })
    .collect()
});

/// The colour of a name, whatever its spaces and case.
pub(crate) fn named_color(name: &str) -> Option<Rgb> {
    let plain: String = name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    NAMES.get(plain.as_str()).copied()
}

/// A colour in a slot: a name, `#rrggbb`, or three numbers.
pub(crate) fn parse_color(value: &Value) -> Option<Rgb> {
    match value {
        Value::String(text) => match text.strip_prefix('#') {
            Some(hex) if hex.len() == 6 && hex.is_ascii() => {
                let number = u32::from_str_radix(hex, 16).ok()?;
                let [_, r, g, b] = number.to_be_bytes();
                Some(Rgb(r, g, b))
            }
            _ => named_color(text),
        },
        Value::Array(channels) => {
            let channel = |at: usize| channels.get(at)?.as_u64().and_then(|channel| u8::try_from(channel).ok());
            (channels.len() == 3).then_some(())?;
            Some(Rgb(channel(0)?, channel(1)?, channel(2)?))
        }
        _ => None,
    }
}

fn byte(value: f64) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// Hue and saturation of a colour, its brightness left out.
pub(crate) fn hs(Rgb(r, g, b): Rgb) -> Hs {
    let [r, g, b] = [r, g, b].map(|channel| f64::from(channel) / 255.0);
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    let span = high - low;
    if span <= f64::EPSILON {
        return Hs(0.0, 0.0);
    }
    let sector = if high == r {
        ((g - b) / span).rem_euclid(6.0)
    } else if high == g {
        (b - r) / span + 2.0
    } else {
        (r - g) / span + 4.0
    };
    Hs(round3(sector * 60.0), round3(span / high * 100.0))
}

/// The brightest colour of this hue and saturation.
pub(super) fn rgb_of_hs(Hs(hue, saturation): Hs) -> Rgb {
    let (h, s) = (hue.rem_euclid(360.0) / 60.0, (saturation / 100.0).clamp(0.0, 1.0));
    let channel = |offset: f64| {
        let k = (offset + h).rem_euclid(6.0);
        byte(255.0 * (1.0 - s * k.min(4.0 - k).clamp(0.0, 1.0)))
    };
    Rgb(channel(5.0), channel(3.0), channel(1.0))
}

/// Chromaticity of a colour, by the matrix of the Philips Hue developer documentation ("Color conversion formulas").
pub(super) fn xy(Rgb(r, g, b): Rgb) -> Xy {
    let linear = |channel: u8| {
        let c = f64::from(channel) / 255.0;
        if c > 0.04045 { ((c + 0.055) / 1.055).powf(2.4) } else { c / 12.92 }
    };
    let (r, g, b) = (linear(r), linear(g), linear(b));
    let x = r * 0.664_511 + g * 0.154_324 + b * 0.162_028;
    let y = r * 0.283_881 + g * 0.668_433 + b * 0.047_685;
    let z = r * 0.000_088 + g * 0.072_310 + b * 0.986_039;
    let sum = x + y + z;
    if sum <= f64::EPSILON {
        return Xy(0.3227, 0.329);
    }
    Xy(round4(x / sum), round4(y / sum))
}

/// The brightest colour of this chromaticity; the inverse of [`xy`].
pub(super) fn rgb_of_xy(Xy(x, y): Xy) -> Rgb {
    if y.is_nan() || y <= 1e-6 {
        return Rgb(0, 0, 255);
    }
    let (big_x, big_z) = (x / y, (1.0 - x - y) / y);
    let mut channels = [
        big_x * 1.656_492 - 0.354_851 - big_z * 0.255_038,
        -big_x * 0.707_196 + 1.655_397 + big_z * 0.036_152,
        big_x * 0.051_713 - 0.121_364 + big_z * 1.011_530,
    ]
    .map(|channel| channel.max(0.0));
    let high = channels.iter().fold(f64::EPSILON, |high, channel| high.max(*channel));
    for channel in &mut channels {
        let c = *channel / high;
        *channel = 255.0 * if c <= 0.003_130_8 { 12.92 * c } else { 1.055 * c.powf(1.0 / 2.4) - 0.055 };
    }
    let [r, g, b] = channels;
    Rgb(byte(r), byte(g), byte(b))
}

/// A white of this temperature as three channels, for lamps with a cold and a warm white: cold share, warm share (0-255).
pub(super) fn whites(kelvin: f64, low: f64, high: f64) -> (u8, u8) {
    let cold = ((kelvin - low) / (high - low).max(1.0)).clamp(0.0, 1.0);
    (byte(cold * 255.0), byte((1.0 - cold) * 255.0))
}

/// Colour temperature: kelvin of mireds and mireds of kelvin.
pub(super) fn reciprocal(value: f64) -> f64 {
    if value > 0.0 { (1_000_000.0 / value).round() } else { 0.0 }
}

fn round3(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

fn round4(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_keep_their_hue_through_every_notation() {
        for (name, hue) in [
            ("red", 0.0),
            ("green", 120.0),
            ("blue", 240.0),
            ("orange", 38.8),
            ("purple", 300.0),
            ("Dodger Blue", 209.6),
        ] {
            let rgb = named_color(name).unwrap();
            let Hs(is, saturation) = hs(rgb);
            assert!((is - hue).abs() < 0.1, "{name}: {is}");
            for back in [rgb_of_hs(Hs(is, saturation)), rgb_of_xy(xy(rgb))] {
                let Hs(again, _) = hs(back);
                let apart = (again - is).rem_euclid(360.0);
                assert!(apart.min(360.0 - apart) < 3.0, "{name}: {again} is not {is}");
            }
        }
    }

    #[test]
    fn colours_are_read_in_every_spelling() {
        assert_eq!(parse_color(&"#ff8000".into()), Some(Rgb(255, 128, 0)));
        assert_eq!(parse_color(&serde_json::json!([1, 2, 3])), Some(Rgb(1, 2, 3)));
        assert_eq!(parse_color(&serde_json::json!([1, 2, 300])), None);
        assert_eq!(parse_color(&"#éé".into()), None);
        assert_eq!(parse_color(&"no colour".into()), None);
        assert_eq!(rgb_of_xy(Xy(f64::NAN, f64::NAN)), Rgb(0, 0, 255));
    }

    #[test]
    fn white_has_no_saturation() {
        assert_eq!(hs(Rgb(255, 255, 255)), Hs(0.0, 0.0));
        assert_eq!(rgb_of_hs(Hs(0.0, 0.0)), Rgb(255, 255, 255));
        assert!(hs(rgb_of_xy(xy(Rgb(255, 255, 255)))).1 < 5.0);
    }
}
