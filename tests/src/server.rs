//! A server of its own for each test.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

use crate::client::{Client, Listen};
use crate::mqtt::Watch;
use crate::program;

/// How long anything may take before the test fails; far above what it takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Entities of the demo home.
const DEMO_ENTITIES: u64 = 47;

/// A running server. It and its workers end when this is dropped.
pub struct Server {
    child: Child,
    data: Data,
    /// `http://127.0.0.1:port`
    pub url: String,
    /// `mqtt://127.0.0.1:port`
    pub mqtt: String,
    log: Arc<Mutex<Vec<String>>>,
    /// The owner's token for the programs of this machine.
    pub token: String,
    http: reqwest::Client,
}

enum Data {
    Own(TempDir),
    Given(PathBuf),
}

/// How to start a server.
#[derive(Default)]
pub struct Start {
    data: Option<PathBuf>,
    environment: Vec<(String, String)>,
    config: Option<String>,
    no_demo: bool,
}

impl Start {
    /// With a demo home, its own broker and a new data folder.
    pub fn new() -> Self {
        Self::default()
    }

    /// In this data folder.
    pub fn data(mut self, folder: &Path) -> Self {
        self.data = Some(folder.to_owned());
        self
    }

    /// With this variable of the environment, such as `VESTA_STT__URI`.
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// With this `vesta.toml`.
    pub fn config(mut self, text: &str) -> Self {
        self.config = Some(text.to_owned());
        self
    }

    /// Without the demo home.
    pub fn no_demo(mut self) -> Self {
        self.no_demo = true;
        self
    }

    /// Starts it and waits until it is ready: the server says so itself.
    pub async fn start(self) -> Server {
        let data = match self.data {
            Some(folder) => Data::Given(folder),
            None => Data::Own(tempfile::tempdir().expect("a temporary folder")),
        };
        let folder = data.path();
        if let Some(config) = &self.config {
            std::fs::write(folder.join("vesta.toml"), config).expect("the configuration is written");
        }
        let mut command = program::vesta(folder);
        command.args(["serve", "--json", if self.no_demo { "--no-demo-home" } else { "--demo-home" }]);
        command.envs(self.environment);
        let mut child = spawn(&mut command);
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut lines = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let kept = log.clone();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                kept.lock().unwrap().push(line);
            }
        });
        let mut out = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let ready =
            timeout(PATIENCE, out.next_line()).await.expect("the server is ready in time").expect("stdout is read");
        let ready: Value = match ready {
            Some(line) => serde_json::from_str(&line).expect("a line of JSON"),
            None => panic!("the server ended: {:#?}", log.lock().unwrap()),
        };
        let text = |key: &str| ready["ready"][key].as_str().expect("an address").to_owned();
        let token = std::fs::read_to_string(data.path().join("local-token")).expect("the server wrote its token");
        let bearer = HeaderValue::from_str(&format!("Bearer {token}")).expect("a header");
        let headers = HeaderMap::from_iter([(AUTHORIZATION, bearer)]);
        let http = reqwest::Client::builder().no_proxy().default_headers(headers).build().expect("an HTTP client");
        Server { token, url: text("url"), mqtt: text("mqtt"), child, data, log, http }
    }
}

impl Data {
    fn path(&self) -> &Path {
        match self {
            Self::Own(folder) => folder.path(),
            Self::Given(folder) => folder,
        }
    }
}

fn spawn(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("vesta starts")
}

impl Server {
    /// A server with the demo home, whose engines are ready and whose devices have announced themselves.
    pub async fn with_demo_home() -> Self {
        let server = Start::new().start().await;
        server.settled().await;
        server
    }

    /// Its data folder.
    pub fn data(&self) -> &Path {
        self.data.path()
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id().expect("the server runs")
    }

    /// What it has logged so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap().join("\n")
    }

    /// `kill -9`, and waits until it is gone. The data folder stays for the next server if it was given.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("the server is killed");
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(mut self) -> Option<i32> {
        let killed = std::process::Command::new("kill").arg(self.pid().to_string()).status().expect("kill runs");
        assert!(killed.success());
        timeout(PATIENCE, self.child.wait()).await.expect("the server stops in time").expect("it is waited for").code()
    }

    /// Waits until the engines are ready and the demo home is there.
    pub async fn settled(&self) {
        self.until("the engines are ready", |status| {
            let engines = status["engines"].as_array().unwrap();
            engines.iter().all(|engine| engine["state"] == "ready")
        })
        .await;
        self.demo_home_answers().await;
    }

    /// Waits until the server is connected and all of the demo home answers.
    pub async fn demo_home_answers(&self) {
        self.until("the demo home answers", |status| {
            status["link"] == "connected" && status["available"].as_u64() >= Some(DEMO_ENTITIES)
        })
        .await;
    }

    /// Waits until an entity's state is known to be this.
    pub async fn becomes(&self, entity: &str, state: &str) {
        let polled = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            loop {
                ticks.tick().await;
                if self.entity(entity).await["state"] == state {
                    return;
                }
            }
        };
        if timeout(PATIENCE, polled).await.is_err() {
            panic!("{entity} never becomes {state}: {:#}", self.get("/api/home").await);
        }
    }

    /// Waits until the server has logged `text` so often.
    pub async fn logged(&self, text: &str, times: usize) {
        let polled = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            while self.log().matches(text).count() < times {
                ticks.tick().await;
            }
        };
        if timeout(PATIENCE, polled).await.is_err() {
            panic!("not logged {times} times: {text}\n{}", self.log());
        }
    }

    /// Waits for a condition on the server's status. The status is polled: it is a view from outside, without events.
    pub async fn until(&self, what: &str, condition: impl Fn(&Value) -> bool) -> Value {
        let polled = async {
            let mut ticks = tokio::time::interval(Duration::from_millis(20));
            loop {
                ticks.tick().await;
                let status = self.get("/api/status").await;
                if condition(&status) {
                    return status;
                }
            }
        };
        match timeout(PATIENCE, polled).await {
            Ok(status) => status,
            Err(_) => panic!("never: {what}\n{:#}\n{}", self.get("/api/status").await, self.log()),
        }
    }

    /// A client that sends the owner's token.
    pub fn http(&self) -> &reqwest::Client {
        &self.http
    }

    /// A JSON document.
    pub async fn get(&self, path: &str) -> Value {
        self.http.get(format!("{}{path}", self.url)).send().await.expect("an answer").json().await.expect("JSON")
    }

    /// A text document.
    pub async fn text(&self, path: &str) -> String {
        self.http.get(format!("{}{path}", self.url)).send().await.expect("an answer").text().await.expect("text")
    }

    /// Asks something in writing.
    pub async fn ask(&self, text: &str) -> Value {
        let body = serde_json::json!({ "text": text });
        let sent = self.http.post(format!("{}/api/ask", self.url)).json(&body).send();
        sent.await.expect("an answer").json().await.expect("JSON")
    }

    /// The state of an entity as the server knows it.
    pub async fn entity(&self, id: &str) -> Value {
        self.get("/api/home").await["entities"][id].clone()
    }

    /// A conversation.
    pub async fn listen(&self, listen: Listen) -> Client {
        Client::connect(&self.url, &self.token, listen).await
    }

    /// A watcher on its broker.
    pub async fn watch(&self, filter: &str) -> Watch {
        Watch::start(&self.mqtt, filter).await
    }

    /// Processes of a worker program that this server started.
    pub fn workers(&self, program: &str) -> Vec<u32> {
        let output = std::process::Command::new("pgrep")
            .args(["-P", &self.pid().to_string(), "-f", program])
            .output()
            .expect("pgrep runs");
        String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| line.trim().parse().ok()).collect()
    }
}
