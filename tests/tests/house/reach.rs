//! Phones and other machines reach the house: HTTPS, the doorstep, proxies, certificates that change.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use reqwest::{Certificate, Client, StatusCode};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use vesta_tests::program;
use vesta_tests::server::PATIENCE;

/// A server and what it said when it was ready.
struct House {
    _child: Child,
    url: String,
    reach: Value,
}

fn serve(data: &Path, environment: &[(&str, &str)]) -> Command {
    let mut command = program::vesta(data);
    command.args(["serve", "--no-demo-home"]).envs(environment.iter().copied());
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

fn lines(child: &mut Child) -> Lines<BufReader<ChildStdout>> {
    BufReader::new(child.stdout.take().unwrap()).lines()
}

async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    let line = timeout(PATIENCE, lines.next_line()).await.expect("a line in time").unwrap();
    line.expect("the server runs")
}

impl House {
    async fn start(data: &Path, environment: &[(&str, &str)]) -> Self {
        let mut command = serve(data, environment);
        let mut child = command.arg("--json").spawn().unwrap();
        let ready: Value = serde_json::from_str(&line(&mut lines(&mut child)).await).unwrap();
        Self { _child: child, url: ready["ready"]["url"].as_str().unwrap().to_owned(), reach: ready["reach"].clone() }
    }

    /// Where a door listens.
    fn door(&self, way: &str) -> SocketAddr {
        let ways = self.reach["ways"].as_array().unwrap();
        let door = ways.iter().find(|report| report["way"] == way).unwrap_or_else(|| panic!("no {way}: {ways:#?}"));
        door["found"].as_str().unwrap().strip_prefix("listens on ").unwrap().parse().unwrap()
    }

    fn https(&self) -> SocketAddr {
        self.door("https")
    }

    /// A phone that trusts this house's authority and nobody else.
    async fn phone(&self) -> Client {
        self.phone_for(self.https()).await
    }

    async fn phone_for(&self, home: SocketAddr) -> Client {
        let url = format!("http://{}/trust/vesta.crt", self.door("doorstep"));
        let response = stranger().get(url).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "application/x-x509-ca-cert");
        let authority = Certificate::from_der(&response.bytes().await.unwrap()).unwrap();
        let builder =
            Client::builder().no_proxy().tls_certs_only([authority]).redirect(reqwest::redirect::Policy::none());
        builder.resolve("vesta.local", home).resolve("bank.example", home).build().unwrap()
    }
}

/// A device that has never heard of the house.
fn stranger() -> Client {
    Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap()
}

#[tokio::test]
async fn a_phone_that_trusts_the_house_reaches_it() {
    let data = tempfile::tempdir().unwrap();
    let house = House::start(data.path(), &[]).await;
    let (https, doorstep) = (house.https(), house.door("doorstep"));
    let phone = house.phone().await;
    for name in ["127.0.0.1", "vesta.local"] {
        let response = phone.get(format!("https://{name}:{}/healthz", https.port())).send().await.unwrap();
        assert_eq!((response.status(), response.version()), (StatusCode::OK, reqwest::Version::HTTP_2), "{name}");
    }
    let report: Value = phone
        .get(format!("https://vesta.local:{}/api/reach", https.port()))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!((&report["secure"], &report["needs_trust"]), (&Value::Bool(true), &Value::Bool(true)));
    assert!(report["links"].is_null() && report["ways"].is_null(), "nothing more for those who have not signed in");
    assert_eq!(report["fingerprint"], house.reach["authority"]);

    let refused = stranger().get(format!("https://127.0.0.1:{}/healthz", https.port())).send().await;
    assert!(refused.is_err(), "a device that does not trust the house does not talk to it");
    let elsewhere = phone.get(format!("https://bank.example:{}/", https.port())).send().await;
    assert!(elsewhere.is_err(), "the house's certificate is not for other names");

    let page = stranger().get(format!("http://{doorstep}/")).header("host", "vesta.local");
    let page = page.header("accept-language", "de-CH").send().await.unwrap();
    let page = page.text().await.unwrap();
    assert!(page.contains("lang=\"de\"") && page.contains(house.reach["authority"].as_str().unwrap()), "{page}");
    assert!(page.contains("id=\"insecure\""), "the page says that it has no secure context");
    let secure = phone.get(format!("https://vesta.local:{}/trust", https.port())).send().await.unwrap();
    assert!(!secure.text().await.unwrap().contains("id=\"insecure\""));
    let took = phone.get(format!("https://vesta.local:{}/trust/took", https.port())).send().await.unwrap();
    assert!(took.headers()["content-security-policy"].to_str().unwrap().contains("script-src 'self'"));
    assert!(took.text().await.unwrap().contains("id=\"took\""));
    let not_took = stranger().get(format!("http://{doorstep}/trust/took")).send().await.unwrap();
    assert!(!not_took.text().await.unwrap().contains("id=\"took\""), "plain HTTP proves nothing");

    let profile = stranger().get(format!("http://{doorstep}/trust/vesta.mobileconfig")).send().await.unwrap();
    assert_eq!(profile.headers()["content-type"], "application/x-apple-aspen-config");
    assert!(profile.text().await.unwrap().contains("com.apple.security.root"));
}

#[tokio::test]
async fn nothing_but_trust_is_served_without_tls() {
    let data = tempfile::tempdir().unwrap();
    let house = House::start(data.path(), &[]).await;
    let (https, doorstep) = (house.https(), house.door("doorstep"));
    for (place, path) in [(doorstep, "/api/status"), (doorstep, "/welcome"), (https, "/api/home?x=1")] {
        let response = stranger().get(format!("http://{place}{path}")).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::TEMPORARY_REDIRECT, "{place}{path}");
        assert_eq!(response.headers()["location"], format!("https://127.0.0.1:{}{path}", https.port()).as_str());
    }
    let foreign = stranger().get(format!("http://{doorstep}/")).header("host", "evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), StatusCode::MISDIRECTED_REQUEST);
    let challenge =
        stranger().get(format!("http://{doorstep}/.well-known/acme-challenge/unknown")).send().await.unwrap();
    assert_eq!(challenge.status(), StatusCode::NOT_FOUND);
}

/// An address of this machine that is not loopback, where it has one.
fn outer() -> Option<IpAddr> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.connect("192.0.2.1:9").ok()?;
    Some(socket.local_addr().ok()?.ip()).filter(|address| !address.is_loopback() && !address.is_unspecified())
}

#[tokio::test]
async fn plain_http_is_for_this_machine_and_trusted_proxies() {
    let Some(outer) = outer() else { return };
    let data = tempfile::tempdir().unwrap();
    let house = House::start(data.path(), &[("VESTA_SERVER__LISTEN", "0.0.0.0:0")]).await;
    let port = house.url.rsplit(':').next().unwrap().to_owned();
    let here = stranger().get(format!("http://127.0.0.1:{port}/healthz")).send().await.unwrap();
    assert_eq!(here.status(), StatusCode::OK);
    let there = stranger().get(format!("http://{outer}:{port}/healthz")).send().await.unwrap();
    assert_eq!(there.status(), StatusCode::FORBIDDEN);
    let problem: Value = there.json().await.unwrap();
    assert_eq!(problem["code"], "needs_https");
    assert!(problem["detail"].as_str().unwrap().contains("trusted_proxies"), "{problem}");
    drop(house);

    let data = tempfile::tempdir().unwrap();
    let proxies = format!("[\"{outer}\"]");
    let environment = [("VESTA_SERVER__LISTEN", "0.0.0.0:0"), ("VESTA_REACH__TRUSTED_PROXIES", proxies.as_str())];
    let house = House::start(data.path(), &environment).await;
    let port = house.url.rsplit(':').next().unwrap().to_owned();
    for (proto, secure) in [("https", true), ("http", false)] {
        let request = stranger().get(format!("http://{outer}:{port}/api/reach"));
        let request = request.header("x-forwarded-for", "203.0.113.9").header("x-forwarded-proto", proto);
        let report: Value = request.send().await.unwrap().json().await.unwrap();
        assert_eq!(report["secure"], secure, "{proto}");
    }
}

/// What a camera sees on these lines.
fn scanned(lines: &[String]) -> Vec<String> {
    let rows: Vec<Vec<char>> = lines.iter().map(|line| line.chars().collect()).collect();
    let width = rows.iter().map(Vec::len).max().unwrap();
    let scale = 3;
    // Light text on a dark ground: a block is a light module, and so is nothing outside of the codes.
    let light = |x: usize, y: usize| match rows[y / 2].get(x).copied().unwrap_or(' ') {
        '█' => true,
        '▀' => y.is_multiple_of(2),
        '▄' => !y.is_multiple_of(2),
        _ => false,
    };
    let mut image = rqrr::PreparedImage::prepare_from_greyscale(width * scale, rows.len() * 2 * scale, |x, y| {
        if light(x / scale, y / scale) { 255 } else { 0 }
    });
    let mut found: Vec<_> = image.detect_grids().iter().filter_map(|grid| Some(grid.decode().ok()?.1)).collect();
    found.sort();
    found
}

#[tokio::test]
async fn the_start_prints_links_and_codes_that_a_camera_reads() {
    let data = tempfile::tempdir().unwrap();
    let mut child = serve(data.path(), &[]).spawn().unwrap();
    let mut out = lines(&mut child);
    let mut seen: Vec<String> = Vec::new();
    let is_code = |line: &String| line.contains(['█', '▀', '▄']);
    let codes = |seen: &[String]| seen.iter().filter(|line| is_code(line)).cloned().collect::<Vec<_>>();
    // The codes stand beside each other or, where there is no room, below; an empty line ends them.
    let scanned = loop {
        let next = line(&mut out).await;
        let ends = next.trim().is_empty() && seen.last().is_some_and(is_code);
        seen.push(next);
        let found = if ends { scanned(&codes(&seen)) } else { Vec::new() };
        if found.len() == 2 {
            break found;
        }
    };
    let text = seen.join("\n");
    let link = seen
        .iter()
        .find_map(|line| line.trim().strip_prefix("On a phone"))
        .unwrap_or_else(|| panic!("{text}"))
        .trim()
        .to_owned();
    assert!(link.starts_with("https://127.0.0.1:") && link.contains("/welcome#"), "{text}");
    assert!(scanned.contains(&link), "{scanned:?}\n{text}");
    let trust =
        scanned.iter().find(|link| link.starts_with("http://")).unwrap_or_else(|| panic!("{scanned:?}\n{text}"));
    assert!(!trust.contains('#'), "no secret over plain HTTP");
    let page = stranger().get(trust).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
}

fn write_pair(place: &Path) {
    let made = rcgen::generate_simple_self_signed(vec!["vesta.example.org".to_owned()]).unwrap();
    std::fs::write(place.join("chain.pem"), made.cert.pem()).unwrap();
    std::fs::write(place.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    std::fs::write(place.join("authority.der"), made.cert.der()).unwrap();
}

#[tokio::test]
async fn a_new_certificate_is_shown_without_a_restart() {
    let data = tempfile::tempdir().unwrap();
    let files = tempfile::tempdir().unwrap();
    write_pair(files.path());
    let path = |name: &str| files.path().join(name).display().to_string();
    let (chain, key) = (path("chain.pem"), path("key.pem"));
    let house =
        House::start(data.path(), &[("VESTA_CERTIFICATE__CHAIN", &chain), ("VESTA_CERTIFICATE__KEY", &key)]).await;
    let https = house.https();
    // Trusts exactly the certificate that lies in the files now.
    let answers = async || {
        let authority = Certificate::from_der(&std::fs::read(path("authority.der")).unwrap()).unwrap();
        let client = Client::builder().no_proxy().tls_certs_only([authority]).resolve("vesta.example.org", https);
        let url = format!("https://vesta.example.org:{}/healthz", https.port());
        client.build().unwrap().get(url).send().await.is_ok()
    };
    let shown = async || {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while !answers().await {
            ticks.tick().await;
        }
    };
    timeout(PATIENCE, shown()).await.expect("the first certificate");
    write_pair(files.path());
    assert!(!answers().await, "the old one is shown until the files are looked at");
    timeout(PATIENCE, shown()).await.expect("the new certificate");
}

#[tokio::test]
async fn half_open_connections_and_garbage_keep_nobody_out() {
    let data = tempfile::tempdir().unwrap();
    let house = House::start(data.path(), &[("VESTA_REACH__MAX_CONNECTIONS", "64")]).await;
    let https = house.https();
    let mut half_open = Vec::new();
    for _ in 0..500 {
        half_open.push(TcpStream::connect(https).await.unwrap());
    }
    let mut garbage = TcpStream::connect(https).await.unwrap();
    garbage.write_all(&[0xff; 512]).await.unwrap();
    let mut torn = TcpStream::connect(https).await.unwrap();
    torn.write_all(&[0x16, 0x03, 0x01, 0xff, 0xff, 0x00]).await.unwrap();
    let phone = house.phone().await;
    let healthy = || phone.get(format!("https://vesta.local:{}/healthz", https.port())).send();
    assert_eq!(healthy().await.unwrap().status(), StatusCode::OK);
    // What is no TLS and no HTTP gets no answer: the connection ends.
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, garbage.read_to_end(&mut answer)).await.expect("the connection ends");
    assert!(answer.is_empty(), "{answer:?}");
    drop((half_open, torn));
    assert_eq!(healthy().await.unwrap().status(), StatusCode::OK);
}

#[tokio::test]
async fn a_taken_port_is_told_and_taken_when_it_is_free() {
    let data = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let place = address.to_string();
    let house = House::start(data.path(), &[("VESTA_REACH__HTTPS", &place)]).await;
    let ways = house.reach["ways"].as_array().unwrap();
    let https = ways.iter().find(|report| report["way"] == "https").unwrap();
    assert_eq!(https["state"], "failed");
    assert!(https["fix"].as_str().unwrap().contains("[reach] https"), "{https}");
    let here = stranger().get(format!("{}/healthz", house.url)).send().await.unwrap();
    assert_eq!(here.status(), StatusCode::OK, "the house stands");
    drop(taken);
    let phone = house.phone_for(address).await;
    let reached = async {
        let mut ticks = tokio::time::interval(Duration::from_millis(100));
        while phone.get(format!("https://{address}/healthz")).send().await.is_err() {
            ticks.tick().await;
        }
    };
    timeout(PATIENCE, reached).await.expect("the port is taken as soon as it is free");
}

#[tokio::test]
async fn the_check_explains_every_way() {
    let data = tempfile::tempdir().unwrap();
    let nowhere = data.path().join("no-tailscale").display().to_string();
    let mut command = program::vesta(data.path());
    command.args(["check", "--json"]).env("VESTA_TAILSCALE__ENABLED", "true").env("VESTA_TAILSCALE__PROGRAM", &nowhere);
    command.env("VESTA_REACH__PUBLIC_URL", "https://vesta.example.org");
    let output = program::run(&mut command).await;
    let findings: Vec<Value> = serde_json::from_str(&output.stdout).unwrap();
    let about = |what: &str| {
        findings
            .iter()
            .find(|finding| finding["what"] == what)
            .unwrap_or_else(|| panic!("nothing about {what}: {findings:#?}"))
    };
    assert!(about("Tailscale")["fix"].as_str().unwrap().contains("install Tailscale"));
    assert!(about("reverse proxy")["fix"].as_str().unwrap().contains("trusted_proxies"));
    assert_eq!(about("authority")["level"], "good");
}
