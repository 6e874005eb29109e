//! A microphone: PulseAudio in user space, with a sink whose monitor is the microphone.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::timeout;
use vesta_tests::program;
use vesta_tests::server::{PATIENCE, Server};
use vesta_tests::speech::{join, silence, speak};

/// A sound server of its own; it ends when this is dropped.
struct Pulse {
    _daemon: Child,
    folder: TempDir,
}

impl Pulse {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("native");
        let modules = [
            format!("load-module module-native-protocol-unix auth-anonymous=1 socket={}", socket.display()),
            "load-module module-null-sink sink_name=speaker rate=48000".to_owned(),
            "load-module module-null-sink sink_name=micfeed rate=48000".to_owned(),
            "load-module module-remap-source master=micfeed.monitor source_name=microphone".to_owned(),
            "set-default-sink speaker".to_owned(),
            "set-default-source microphone".to_owned(),
        ];
        let script = folder.path().join("default.pa");
        std::fs::write(&script, modules.join("\n")).unwrap();
        let mut daemon = Command::new("pulseaudio")
            .args(["--daemonize=no", "--exit-idle-time=-1", "--use-pid-file=no", "--disallow-exit", "-n", "-F"])
            .arg(&script)
            .env("HOME", folder.path())
            .env("XDG_RUNTIME_DIR", folder.path())
            .env("PULSE_RUNTIME_PATH", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("pulseaudio is installed by script/setup --tests");
        let mut log = BufReader::new(daemon.stderr.take().unwrap()).lines();
        let pulse = Self { _daemon: daemon, folder };
        // The daemon says nothing when it is ready; its client waits for it.
        let ready = async {
            let mut ticks = tokio::time::interval(std::time::Duration::from_millis(50));
            loop {
                ticks.tick().await;
                let info = program::run(pulse.client("pactl").args(["get-default-source"])).await;
                if info.stdout.trim() == "microphone" {
                    return;
                }
            }
        };
        if timeout(PATIENCE, ready).await.is_err() {
            panic!("pulseaudio does not start: {:?}", log.next_line().await);
        }
        tokio::spawn(async move { while let Ok(Some(_)) = log.next_line().await {} });
        pulse
    }

    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        self.environment(&mut command);
        command
    }

    fn environment(&self, command: &mut Command) {
        command.env("PULSE_SERVER", format!("unix:{}", self.folder.path().join("native").display()));
        command.env("XDG_RUNTIME_DIR", self.folder.path()).env("HOME", self.folder.path());
    }

    /// Plays into the microphone.
    async fn play(&self, samples: &[i16]) {
        let file = self.folder.path().join("spoken.wav");
        write_wav(&file, samples);
        let played = program::run(self.client("paplay").args(["-d", "micfeed"]).arg(&file)).await;
        assert_eq!(played.code, Some(0), "{played:#?}");
    }
}

fn write_wav(path: &Path, samples: &[i16]) {
    vesta_audio::wav::write(std::fs::File::create(path).unwrap(), 16_000, samples).unwrap();
}

/// `vesta talk` with its events.
struct Talk {
    child: Child,
    events: Lines<BufReader<ChildStdout>>,
    /// All that was told, for whoever wonders what never was.
    told: Vec<String>,
}

impl Talk {
    async fn start(pulse: &Pulse, data: &Path, arguments: &[&str]) -> Self {
        let mut command = program::vesta(data);
        pulse.environment(&mut command);
        command.args(["talk", "--json"]).args(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut remarks = BufReader::new(child.stderr.take().unwrap()).lines();
        let ready = async {
            while let Some(line) = remarks.next_line().await.unwrap() {
                if line.contains("listening") || line.contains("starts a sentence") {
                    return;
                }
            }
            panic!("vesta talk ended");
        };
        timeout(PATIENCE, ready).await.expect("vesta talk is ready");
        tokio::spawn(async move { while let Ok(Some(_)) = remarks.next_line().await {} });
        Self { child, events, told: Vec::new() }
    }

    async fn event(&mut self, kind: &str) -> Value {
        let wait = async {
            while let Some(line) = self.events.next_line().await.unwrap() {
                let event: Value = serde_json::from_str(&line).unwrap();
                self.told.push(line);
                if event["type"] == kind {
                    return event;
                }
            }
            panic!("vesta talk ended before '{kind}'")
        };
        match timeout(PATIENCE, wait).await {
            Ok(event) => event,
            Err(_) => panic!("never: {kind}, but\n{}", self.told.join("\n")),
        }
    }

    async fn line(&mut self) {
        self.child.stdin.as_mut().unwrap().write_all(b"\n").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_talks_into_the_microphone_hands_free() {
    let pulse = Pulse::start().await;
    let server = Server::with_demo_home().await;
    server.ask("turn off the kitchen light").await;
    let recording: PathBuf = pulse.folder.path().join("heard.wav");
    let mut recorder = pulse
        .client("parecord")
        .args(["-d", "speaker.monitor", "--rate=16000", "--channels=1"])
        .arg(&recording)
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut talk = Talk::start(&pulse, server.data(), &["--hands-free"]).await;

    pulse.play(&join(&[&silence(0.5), &speak("turn on the kitchen light"), &silence(1.5)])).await;

    assert_eq!(talk.event("transcript").await["text"], "turn on the kitchen light");
    assert_eq!(talk.event("finished").await["outcome"], "done");
    assert_eq!(server.entity("light.kitchen_light").await["state"], "on");

    // The reply comes out of the loudspeaker: it lasts about two seconds, which pass as silence in the microphone.
    pulse.play(&silence(3.0)).await;
    let id = recorder.id().unwrap().to_string();
    assert!(std::process::Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    recorder.wait().await.unwrap();
    let heard = vesta_tests::speech::read_wav(&std::fs::read(&recording).unwrap());
    let back = vesta_tests::transcribe::transcribe(&server, &heard, 16_000).await;
    assert!(back.contains("kitchen light"), "the loudspeaker said '{back}'");
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_talks_into_the_microphone_with_a_key() {
    let pulse = Pulse::start().await;
    let server = Server::with_demo_home().await;
    let mut talk = Talk::start(&pulse, server.data(), &[]).await;
    talk.line().await;
    // The key is seen while nobody speaks yet: of a sentence that began before it, the first word would be missing.
    pulse.play(&join(&[&silence(0.5), &speak("what time is it"), &silence(1.0)])).await;
    // The player ends before the microphone has heard all of it. A partial text may lack its last words for as long as nobody says more, so
    // it only tells that the microphone hears; what is played now is heard behind the rest.
    while talk.event("partial").await["text"] == "" {}
    pulse.play(&silence(2.0)).await;
    talk.line().await;
    assert_eq!(talk.event("transcript").await["text"], "what time is it");
    assert_eq!(talk.event("finished").await["outcome"], "answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn check_tries_the_microphone_and_the_loudspeaker() {
    let pulse = Pulse::start().await;
    let data = tempfile::tempdir().unwrap();
    let mut command = program::vesta(data.path());
    pulse.environment(&mut command);
    let checked = program::run(command.args(["check", "--json"])).await;
    let findings: Vec<Value> = serde_json::from_str(&checked.stdout).unwrap_or_else(|_| panic!("{checked:#?}"));
    for device in ["microphone", "loudspeaker"] {
        let finding = findings.iter().find(|finding| finding["what"] == device).unwrap();
        assert_eq!(finding["level"], "good", "{finding}");
        assert!(finding["found"].as_str().unwrap().ends_with("works"), "{finding}");
    }
}
