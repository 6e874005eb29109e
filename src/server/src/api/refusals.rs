//! What requests are refused with, as the description tells it: one type for each reason that many routes share.

use std::collections::BTreeMap;

use utoipa::IntoResponses;
use utoipa::openapi::response::Response;
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};

/// Refusals with a body of this schema and type: status, and what it says.
fn refusals(schema: &str, content: &str, all: &[(&str, &str)]) -> BTreeMap<String, RefOr<Response>> {
    let one = |(status, why): &(&str, &str)| {
        let body = ContentBuilder::new().schema(Some(Ref::from_schema_name(schema))).build();
        let response = ResponseBuilder::new().description(*why).content(content, body).build();
        ((*status).to_owned(), RefOr::T(response))
    };
    all.iter().map(one).collect()
}

macro_rules! refusals {
    ($schema:literal as $content:literal: $($(#[$about:meta])* $name:ident = $($status:literal $why:literal),+;)+) => {$(
        $(#[$about])*
        pub(crate) struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                refusals($schema, $content, &[$(($status, $why)),+])
            }
        }
    )+};
}

refusals! {
    "Problem" as "application/problem+json":
    /// The route needs a caller who may do this.
    Closed = "401" "Nobody is signed in", "403" "The caller may not do this, or another site's page asks";
    /// Another site's page asks.
    Foreign = "403" "Another site's page asks";
    /// The query or the path.
    BadRequest = "400" "The request cannot be understood";
    /// A body of JSON.
    BadBody = "400" "The body is no JSON, or a value in it is not possible", "413" "The body is too long",
        "415" "The content type is not application/json", "422" "A field is missing, unknown or of the wrong kind";
    /// An id or a name.
    Missing = "404" "There is nothing of this name for the caller";
    /// What is there stands in the way.
    Conflict = "409" "This is not possible as things are";
    /// Signing in.
    SlowDown = "429" "Too many attempts failed; `Retry-After` says in how many seconds the next one is heard";
    /// A WebSocket.
    NoUpgrade = "400" "The request is no WebSocket's", "426" "The connection cannot become a WebSocket";
}

refusals! {
    "OpenAiError" as "application/json":
    /// [`Closed`], in OpenAI's form.
    OpenAiClosed = "401" "No valid token", "403" "The token or its person may not do this";
    /// A body.
    OpenAiBody = "400" "The request cannot be understood", "413" "The body is too long", "415" "The content type is another";
    /// An id.
    OpenAiMissing = "404" "There is nothing of this id for the caller";
    /// Engines and calls.
    OpenAiBusy = "503" "An engine is not there, or there are too many calls";
    /// A WebSocket.
    OpenAiNoUpgrade = "400" "The request is no WebSocket's, or begins an impossible session", "426" "The connection cannot become a WebSocket";
}
