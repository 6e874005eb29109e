//! A QR code for the terminal, two rows of it in a row of text.

use qrcode::render::unicode::Dense1x2;
use qrcode::{EcLevel, QrCode};

use crate::ReachError;

/// The rows of a QR code. With `colour` it is black on white whatever the terminal's colours are; without, it is made
/// for light text on a dark ground.
///
/// # Errors
/// The text is too long.
pub fn qr(text: &str, colour: bool) -> Result<Vec<String>, ReachError> {
    let code =
        QrCode::with_error_correction_level(text, EcLevel::L).map_err(|error| ReachError::Qr(error.to_string()))?;
    let mut renderer = code.render::<Dense1x2>();
    let (dark, light) = if colour { (Dense1x2::Dark, Dense1x2::Light) } else { (Dense1x2::Light, Dense1x2::Dark) };
    let drawn = renderer.dark_color(dark).light_color(light).quiet_zone(true).build();
    let rows = drawn.lines().map(|row| if colour { format!("\x1b[30;107m{row}\x1b[0m") } else { row.to_owned() });
    Ok(rows.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a camera sees in the terminal.
    fn scanned(rows: &[String], dark_is_block: bool) -> String {
        let plain: Vec<Vec<char>> = rows
            .iter()
            .map(|row| row.trim_start_matches("\x1b[30;107m").trim_end_matches("\x1b[0m").chars().collect())
            .collect();
        let (width, height) = (plain[0].len(), plain.len() * 2);
        let scale = 4;
        let dark = |x: usize, y: usize| {
            let half = match plain[y / 2][x] {
                '█' => true,
                '▀' => y.is_multiple_of(2),
                '▄' => !y.is_multiple_of(2),
                ' ' => false,
                other => panic!("a character {other:?}"),
            };
            half == dark_is_block
        };
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width * scale, height * scale, |x, y| {
            if dark(x / scale, y / scale) { 0 } else { 255 }
        });
        let grids = image.detect_grids();
        assert_eq!(grids.len(), 1);
        grids[0].decode().unwrap().1
    }

    #[test]
    fn a_camera_reads_it() {
        let link = "https://vesta.local:8443/join#4f9c-2a7b-91de-77c0-1b2c-3d4e-5f60-7182";
        assert_eq!(scanned(&qr(link, true).unwrap(), true), link);
        assert_eq!(scanned(&qr(link, false).unwrap(), false), link);
        assert!(qr(&"x".repeat(4000), true).is_err());
    }
}
