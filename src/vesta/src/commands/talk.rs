//! `vesta talk`: this machine's microphone and loudspeaker.
//!
//! In a terminal, holding Enter or space talks: a terminal that tells about released keys (the Kitty keyboard protocol)
//! ends the sentence with the key; in another, the repeated key ends it when it stops repeating, or a second press does.
//! Without a terminal each line on standard input starts and ends a sentence.

use std::process::ExitCode;

use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::cli::TalkArgs;
use crate::commands::hear::show;
use crate::commands::{Host, Setting};
use crate::keys::{self, Key};
use crate::remote::{Listen, Listener, Speaker, Told};
use crate::sound::{self, Loudspeaker, Microphone};
use crate::terminal;

/// Keys that may wait.
const KEYS: usize = 16;

pub(crate) async fn run(setting: Setting, args: TalkArgs) -> anyhow::Result<ExitCode> {
    if args.list {
        let (microphones, loudspeakers) = sound::list()?;
        if args.json {
            terminal::json(&json!({ "microphones": microphones, "loudspeakers": loudspeakers }))?;
        } else {
            microphones.iter().for_each(|name| terminal::line(format!("microphone   {name}")));
            loudspeakers.iter().for_each(|name| terminal::line(format!("loudspeaker  {name}")));
        }
        return Ok(ExitCode::SUCCESS);
    }
    let mut microphone = Microphone::open(args.microphone.as_deref())?;
    let mut loudspeaker = match Loudspeaker::open(args.loudspeaker.as_deref()) {
        Ok(loudspeaker) => Some(loudspeaker),
        Err(error) => {
            terminal::remark(format!("replies are only written: {error:#}"));
            None
        }
    };
    let host = Host::find(&setting).await?;
    let listen = Listen {
        hands_free: args.hands_free,
        area: host.area(args.area.as_deref()).await?,
        source: "talk",
        mute: loudspeaker.is_none(),
        ..Listen::default()
    };
    let (mut speaker, mut listener) = host.server.listen(&listen).await?;
    let talked = if args.hands_free {
        terminal::remark("listening; Ctrl-C ends it");
        hands_free(&mut microphone, &mut loudspeaker, &mut speaker, &mut listener, args.json).await
    } else {
        let stop = CancellationToken::new();
        let (sender, mut keys) = mpsc::channel(KEYS);
        let watching = keys::watch(sender, stop.clone())?;
        terminal::remark(watching.hint());
        let talked = hold(&mut microphone, &mut loudspeaker, &mut speaker, &mut listener, &mut keys, args.json).await;
        stop.cancel();
        watching.end();
        talked
    };
    host.leave().await;
    talked.map(|()| ExitCode::SUCCESS)
}

/// Push to talk: audio is sent while the key is held.
async fn hold(
    microphone: &mut Microphone,
    loudspeaker: &mut Option<Loudspeaker>,
    speaker: &mut Speaker,
    listener: &mut Listener,
    keys: &mut mpsc::Receiver<Key>,
    json: bool,
) -> anyhow::Result<()> {
    let (mut talking, mut leaving) = (false, false);
    let mut reply = Reply::default();
    loop {
        tokio::select! {
            key = keys.recv(), if !leaving => match key {
                Some(Key::Down) if !talking => {
                    talking = true;
                    microphone.clear();
                    reply.hush(loudspeaker);
                    speaker.interrupt().await?;
                    terminal::remark("listening …");
                }
                Some(Key::Up) if talking => {
                    talking = false;
                    speaker.end().await?;
                }
                Some(Key::Down | Key::Up) => {}
                Some(Key::Quit) | None => {
                    leaving = true;
                    speaker.end().await?;
                    speaker.bye().await?;
                }
            },
            samples = microphone.next() => match samples {
                Some(samples) if talking && !leaving => speaker.audio(&samples).await?,
                Some(_) => {}
                None => anyhow::bail!("the microphone is gone"),
            },
            told = listener.next() => match told? {
                Some(told) => reply.hear(told, loudspeaker, json)?,
                None => break,
            },
        }
    }
    if let Some(loudspeaker) = loudspeaker {
        loudspeaker.played().await;
    }
    Ok(())
}

/// Hands-free: audio is sent all the time, but for what the house itself says.
async fn hands_free(
    microphone: &mut Microphone,
    loudspeaker: &mut Option<Loudspeaker>,
    speaker: &mut Speaker,
    listener: &mut Listener,
    json: bool,
) -> anyhow::Result<()> {
    let mut stop = std::pin::pin!(crate::house::stop_signal());
    let mut reply = Reply::default();
    loop {
        tokio::select! {
            () = &mut stop => break,
            samples = microphone.next() => match samples {
                // The house would answer itself: without echo cancellation the microphone rests while it speaks.
                Some(samples) if loudspeaker.as_ref().is_some_and(Loudspeaker::is_speaking) => {
                    speaker.audio(&vec![0; samples.len()]).await?;
                }
                Some(samples) => speaker.audio(&samples).await?,
                None => anyhow::bail!("the microphone is gone"),
            },
            told = listener.next() => match told? {
                Some(told) => reply.hear(told, loudspeaker, json)?,
                None => anyhow::bail!("the server ended the conversation"),
            },
        }
    }
    speaker.bye().await
}

/// The reply that is being heard.
#[derive(Default)]
struct Reply {
    turn: String,
    /// The turn that was talked over: what still comes of it is not played.
    hushed: Option<String>,
}

impl Reply {
    fn hush(&mut self, loudspeaker: &mut Option<Loudspeaker>) {
        self.hushed = Some(self.turn.clone());
        if let Some(loudspeaker) = loudspeaker {
            loudspeaker.stop();
        }
    }

    fn hear(&mut self, told: Told, loudspeaker: &mut Option<Loudspeaker>, json: bool) -> anyhow::Result<()> {
        match told {
            Told::Audio { turn, rate, samples } => {
                if self.hushed.as_ref() != Some(&turn)
                    && let Some(loudspeaker) = loudspeaker
                {
                    loudspeaker.play(rate, &samples);
                }
                self.turn = turn;
            }
            Told::Event(event) => {
                let hushed = self.hushed.as_deref() == event["turn"].as_str();
                if event["type"] == "finished"
                    && !hushed
                    && let Some(loudspeaker) = loudspeaker
                {
                    loudspeaker.finish();
                }
                if json {
                    terminal::json(&event)?;
                } else {
                    show(&event);
                }
            }
        }
        Ok(())
    }
}
