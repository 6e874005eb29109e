//! An ACME server (RFC 8555) that checks what it is told: nonces, addresses, signatures and proofs.
#![allow(clippy::result_large_err, reason = "an answer is as large as axum makes it")]

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, head, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tokio::net::TcpListener;

const TOKEN: &str = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA";

/// How the server looks for proofs.
pub(crate) enum Proofs {
    /// Over HTTP from this port of this machine, whatever the name.
    Http(u16),
    /// In a file with lines `RECORD VALUE`.
    Dns(PathBuf),
    /// It finds none, and says this.
    Refused(&'static str),
}

#[derive(Clone)]
pub(crate) struct AcmeServer(Arc<Inner>);

struct Inner {
    base: String,
    proofs: Proofs,
    issuer: Issuer<'static, KeyPair>,
    state: Mutex<Told>,
}

/// What the server was told.
#[derive(Default)]
pub(crate) struct Told {
    next: u64,
    nonces: HashSet<String>,
    jwk: Option<Value>,
    names: Vec<Value>,
    status: &'static str,
    proof: &'static str,
    why: String,
    chain: String,
    /// Whether a nonce was refused already.
    refused: bool,
    /// Accounts that were made.
    pub(crate) accounts: u32,
    /// Orders that were made.
    pub(crate) orders: u32,
    /// Contacts of the account.
    pub(crate) contact: Value,
    /// What was wrong with a message, if something was.
    pub(crate) faults: Vec<String>,
}

impl AcmeServer {
    pub(crate) async fn start(proofs: Proofs) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let server = Self(Arc::new(Inner {
            base: format!("http://{}", listener.local_addr().unwrap()),
            proofs,
            issuer: Issuer::new(params, key),
            state: Mutex::default(),
        }));
        let routes = Router::new()
            .route("/directory", get(directory))
            .route("/nonce", head(|| async {}))
            .route("/account", post(account))
            .route("/order", post(order))
            .route("/order/1", post(order_state))
            .route("/authorization/1", post(authorization))
            .route("/challenge/{kind}", post(challenge))
            .route("/finalize", post(finalize))
            .route("/certificate", post(certificate))
            .layer(axum::middleware::map_response_with_state(server.clone(), fresh_nonce))
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await.unwrap() });
        server
    }

    pub(crate) fn directory(&self) -> String {
        format!("{}/directory", self.0.base)
    }

    pub(crate) fn told<T>(&self, look: impl FnOnce(&Told) -> T) -> T {
        look(&self.0.state.lock().unwrap())
    }

    fn state(&self) -> std::sync::MutexGuard<'_, Told> {
        self.0.state.lock().unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.0.base)
    }

    /// Header and payload of a message, once everything about it is right.
    fn read(&self, uri: &Uri, body: &[u8]) -> Result<(Value, Value), Response> {
        let message: Value = serde_json::from_slice(body).unwrap();
        let raw = |part: &str| message[part].as_str().unwrap().to_owned();
        let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
        let header: Value = serde_json::from_slice(&decoded(&raw("protected"))).unwrap();
        let payload = decoded(&raw("payload"));
        let mut state = self.state();
        let known = state.nonces.remove(header["nonce"].as_str().unwrap());
        // Each server may forget nonces; a client tries again with the new one.
        if !known || !std::mem::replace(&mut state.refused, true) {
            let problem = json!({ "type": "urn:ietf:params:acme:error:badNonce", "detail": "once more" });
            return Err((StatusCode::BAD_REQUEST, Json(problem)).into_response());
        }
        let jwk = if header["jwk"].is_object() { header["jwk"].clone() } else { state.jwk.clone().unwrap() };
        let point = [vec![4], decoded(jwk["x"].as_str().unwrap()), decoded(jwk["y"].as_str().unwrap())].concat();
        let signed = format!("{}.{}", raw("protected"), raw("payload"));
        let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
        if key.verify(signed.as_bytes(), &decoded(&raw("signature"))).is_err() {
            state.faults.push(format!("{uri}: the signature is wrong"));
        }
        if header["url"] != self.url(uri.path()) {
            state.faults.push(format!("{uri}: signed for {}", header["url"]));
        }
        Ok((header, serde_json::from_slice(&payload).unwrap_or(Value::Null)))
    }

    fn order_json(&self) -> Value {
        let state = self.state();
        let mut order = json!({
            "status": state.status, "identifiers": state.names, "authorizations": [self.url("/authorization/1")],
            "finalize": self.url("/finalize"),
        });
        if state.status == "valid" {
            order["certificate"] = json!(self.url("/certificate"));
        }
        order
    }

    fn challenge_json(&self, kind: &str) -> Value {
        let state = self.state();
        let mut challenge = json!({
            "type": kind, "url": self.url(&format!("/challenge/{kind}")), "token": TOKEN, "status": state.proof,
        });
        if state.proof == "invalid" {
            challenge["error"] =
                json!({ "type": "urn:ietf:params:acme:error:unauthorized", "detail": state.why, "status": 403 });
        }
        challenge
    }

    /// The key authorization that belongs to the account (RFC 8555, section 8.1; RFC 7638).
    fn expected(&self) -> String {
        let jwk = self.state().jwk.clone().unwrap();
        let canonical = format!(r#"{{"crv":{},"kty":{},"x":{},"y":{}}}"#, jwk["crv"], jwk["kty"], jwk["x"], jwk["y"]);
        format!("{TOKEN}.{}", digest(&canonical))
    }

    async fn proved(&self) -> Result<(), String> {
        let expected = self.expected();
        match &self.0.proofs {
            Proofs::Http(port) => {
                let url = format!("http://127.0.0.1:{port}/.well-known/acme-challenge/{TOKEN}");
                let found = reqwest::get(url).await.map_err(|error| error.to_string())?.text().await.unwrap();
                if found == expected { Ok(()) } else { Err(format!("found {found}")) }
            }
            Proofs::Dns(zone) => {
                let zone = std::fs::read_to_string(zone).unwrap_or_default();
                let line = format!("_acme-challenge.vesta.example.org {}", digest(&expected));
                if zone.lines().any(|known| known == line) { Ok(()) } else { Err(format!("no such record in: {zone}")) }
            }
            Proofs::Refused(why) => Err((*why).to_owned()),
        }
    }
}

fn digest(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()))
}

async fn fresh_nonce(State(server): State<AcmeServer>, mut response: Response) -> Response {
    let mut state = server.state();
    state.next += 1;
    let nonce = format!("nonce-{}", state.next);
    response.headers_mut().insert(HeaderName::from_static("replay-nonce"), HeaderValue::from_str(&nonce).unwrap());
    state.nonces.insert(nonce);
    response
}

fn placed(status: StatusCode, location: String, body: Value) -> Response {
    let mut headers = HeaderMap::new();
    headers.insert("location", location.parse().unwrap());
    (status, headers, Json(body)).into_response()
}

async fn directory(State(server): State<AcmeServer>) -> Json<Value> {
    let url = |path: &str| server.url(path);
    Json(json!({ "newNonce": url("/nonce"), "newAccount": url("/account"), "newOrder": url("/order") }))
}

async fn account(State(server): State<AcmeServer>, uri: Uri, body: Bytes) -> Result<Response, Response> {
    let (header, payload) = server.read(&uri, &body)?;
    {
        let mut state = server.state();
        state.accounts += 1;
        state.jwk = Some(header["jwk"].clone());
        state.contact = payload["contact"].clone();
        if payload["termsOfServiceAgreed"] != true {
            state.faults.push("the terms are not agreed to".to_owned());
        }
    }
    Ok(placed(StatusCode::CREATED, server.url("/account/1"), json!({ "status": "valid" })))
}

async fn order(State(server): State<AcmeServer>, uri: Uri, body: Bytes) -> Result<Response, Response> {
    let (header, payload) = server.read(&uri, &body)?;
    {
        let mut state = server.state();
        if header["kid"] != server.url("/account/1") {
            state.faults.push("an order of nobody".to_owned());
        }
        state.orders += 1;
        state.names = payload["identifiers"].as_array().unwrap().clone();
        (state.status, state.proof) = ("pending", "pending");
    }
    Ok(placed(StatusCode::CREATED, server.url("/order/1"), server.order_json()))
}

async fn order_state(State(server): State<AcmeServer>, uri: Uri, body: Bytes) -> Result<Json<Value>, Response> {
    server.read(&uri, &body)?;
    Ok(Json(server.order_json()))
}

async fn authorization(State(server): State<AcmeServer>, uri: Uri, body: Bytes) -> Result<Json<Value>, Response> {
    server.read(&uri, &body)?;
    let name = server.state().names[0].clone();
    let status = server.state().proof;
    let challenges = ["http-01", "dns-01"].map(|kind| server.challenge_json(kind));
    Ok(Json(json!({ "identifier": name, "status": status, "challenges": challenges })))
}

async fn challenge(
    State(server): State<AcmeServer>,
    Path(kind): Path<String>,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Value>, Response> {
    server.read(&uri, &body)?;
    let proved = server.proved().await;
    {
        let mut state = server.state();
        (state.proof, state.status) = if proved.is_ok() { ("valid", "ready") } else { ("invalid", "invalid") };
        state.why = proved.err().unwrap_or_default();
    }
    // As servers do: the answer is from before the look.
    let mut challenge = server.challenge_json(&kind);
    challenge["status"] = json!("processing");
    challenge.as_object_mut().unwrap().remove("error");
    Ok(Json(challenge))
}

async fn finalize(State(server): State<AcmeServer>, uri: Uri, body: Bytes) -> Result<Json<Value>, Response> {
    let (_, payload) = server.read(&uri, &body)?;
    let csr = URL_SAFE_NO_PAD.decode(payload["csr"].as_str().unwrap()).unwrap();
    let mut csr = CertificateSigningRequestParams::from_der(&csr.into()).unwrap();
    csr.params.not_before = time::OffsetDateTime::now_utc() - Duration::from_secs(3600);
    csr.params.not_after = time::OffsetDateTime::now_utc() + Duration::from_secs(90 * 86_400);
    let issued = csr.signed_by(&server.0.issuer).unwrap();
    {
        let mut state = server.state();
        state.chain = issued.pem();
        state.status = "valid";
    }
    Ok(Json(server.order_json()))
}

async fn certificate(State(server): State<AcmeServer>, uri: Uri, body: Bytes) -> Result<String, Response> {
    server.read(&uri, &body)?;
    Ok(server.state().chain.clone())
}
