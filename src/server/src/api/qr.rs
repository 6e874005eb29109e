//! QR codes for links of this house, so that a phone can be brought in by its camera.

use axum::Json;
use axum::http::StatusCode;
use qrcode::{Color, EcLevel, QrCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::extract::Body;
use crate::api::refusals::{BadBody, Closed};
use crate::caller::Caller;
use crate::problem::Problem;

/// Longest text, in bytes; a code of this length can still be read off a screen.
const MAX_TEXT: usize = 500;

/// What the code is to say.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    #[schema(min_length = 1, max_length = 500)]
    text: String,
}

/// A QR code without its quiet zone.
#[derive(Serialize, ToSchema)]
pub(crate) struct Code {
    /// From above, each as long as there are rows: `1` is dark.
    rows: Vec<String>,
}

/// Draw a QR code
///
/// The text travels in the body, so that a secret in it is in no log.
#[utoipa::path(post, path = "/api/qr", tag = "settings", request_body = Text, responses(
    (status = 200, body = Code),
    Closed, BadBody,
))]
pub(crate) async fn draw(_caller: Caller, Body(text): Body<Text>) -> Result<Json<Code>, Problem> {
    if text.text.is_empty() || text.text.len() > MAX_TEXT {
        return Err(Problem::bad_request("bad_text", format!("'text' must have 1 to {MAX_TEXT} bytes")));
    }
    let code = QrCode::with_error_correction_level(&text.text, EcLevel::M).map_err(|error| {
        Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_text", "This cannot be drawn", error.to_string())
    })?;
    let digit = |color: &Color| if *color == Color::Dark { '1' } else { '0' };
    let rows = code.to_colors().chunks(code.width()).map(|row| row.iter().map(digit).collect()).collect();
    Ok(Json(Code { rows }))
}
