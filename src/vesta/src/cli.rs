//! Every command and option.

mod people;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use people::{InviteArgs, PairArgs, TokensCommand, UsersCommand};

/// A voice-first assistant for the home. It runs here, works without the internet, and nothing leaves the house.
#[derive(Debug, Parser)]
#[command(name = "vesta", version, max_term_width = 110, propagate_version = true)]
pub(crate) struct Cli {
    /// Configuration file [default: vesta.toml in the data folder]
    #[arg(long, global = true, env = "VESTA_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Folder that holds everything Vesta keeps [default: the user's data folder]
    #[arg(long, global = true, env = "VESTA_DATA", value_name = "FOLDER")]
    pub data: Option<PathBuf>,
    /// What to log, such as `debug` or `vesta_home=trace` [env: VESTA_LOG]
    #[arg(long, global = true, value_name = "FILTER")]
    pub log: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the server
    Serve(ServeArgs),
    /// Ask or command something in writing
    Ask(AskArgs),
    /// Let the house hear a WAV file
    Hear(HearArgs),
    /// Speak a text, or write it to a WAV file
    Say(SayArgs),
    /// Talk with this machine's microphone and loudspeaker
    Talk(TalkArgs),
    /// Show areas and devices with their state
    Home(HomeArgs),
    /// Say what is missing, what that means and the command that mends it
    Check(JsonArgs),
    /// List, pull, verify, remove and choose models
    #[command(subcommand)]
    Models(ModelsCommand),
    /// List, show, export and replay what was said and done
    #[command(subcommand)]
    Turns(TurnsCommand),
    /// Try, explain, sample, check and add the sentences that are understood
    #[command(subcommand)]
    Intents(IntentsCommand),
    /// List, change and remove people; see and revoke their devices; read the audit log
    #[command(subcommand)]
    Users(UsersCommand),
    /// Invite somebody: a link and a QR code that work once
    Invite(InviteArgs),
    /// List, create and revoke API tokens for programs
    #[command(subcommand)]
    Tokens(TokensCommand),
    /// Sign in a phone or another device: link, QR code and short code. Without an owner yet: the first owner's link
    Pair(PairArgs),
    /// Show a small house on an MQTT broker, to try things with
    DemoHome(DemoHomeArgs),
    /// Print the configuration: an example with every key, or what is in force
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

impl Command {
    /// Whether the command runs until it is stopped and reports what it does.
    pub(crate) fn is_server(&self) -> bool {
        matches!(self, Self::Serve(_) | Self::DemoHome(_))
    }
}

/// Options of `serve`.
#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    /// Address of the web server, over the configured one
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<std::net::SocketAddr>,
    /// Show the demo home, whatever the configuration says
    #[arg(long, conflicts_with = "no_demo_home")]
    pub demo_home: bool,
    /// Do not show the demo home
    #[arg(long)]
    pub no_demo_home: bool,
    /// When the server is ready, write a line of JSON with its process and addresses
    #[arg(long)]
    pub json: bool,
}

/// `--json` alone.
#[derive(Debug, Args)]
pub(crate) struct JsonArgs {
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `ask`.
#[derive(Debug, Args)]
pub(crate) struct AskArgs {
    /// What to say to the house
    #[arg(required = true, value_name = "TEXT")]
    pub text: Vec<String>,
    /// The area you are in, by name
    #[arg(long)]
    pub area: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    pub rehearse: bool,
    /// Write the answer as JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `hear`.
#[derive(Debug, Args)]
pub(crate) struct HearArgs {
    /// A WAV file of any usual format; `-` for standard input
    #[arg(value_name = "FILE.wav")]
    pub file: PathBuf,
    /// Write what the house answers to a WAV file
    #[arg(long, value_name = "OUT.wav")]
    pub reply: Option<PathBuf>,
    /// Play the file as fast as it was spoken, not as fast as it can be read
    #[arg(long)]
    pub real_time: bool,
    /// The whole file is one utterance, as if a button was held
    #[arg(long)]
    pub push_to_talk: bool,
    /// The area the speaker is in, by name
    #[arg(long)]
    pub area: Option<String>,
    /// Only say what would be done
    #[arg(long)]
    pub rehearse: bool,
    /// Write every event as a line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `say`.
#[derive(Debug, Args)]
pub(crate) struct SayArgs {
    /// The text
    #[arg(required = true, value_name = "TEXT")]
    pub text: Vec<String>,
    /// Write a WAV file instead of speaking; `-` for standard output
    #[arg(short, long, value_name = "OUT.wav")]
    pub output: Option<PathBuf>,
    /// Voice by name
    #[arg(long)]
    pub voice: Option<String>,
    /// Language of the text
    #[arg(long)]
    pub language: Option<String>,
    /// Speed; 1.0 is the voice's own
    #[arg(long)]
    pub speed: Option<f32>,
}

/// Options of `talk`.
#[derive(Debug, Args)]
pub(crate) struct TalkArgs {
    /// Microphone by a part of its name [default: the system's]
    #[arg(long)]
    pub microphone: Option<String>,
    /// Loudspeaker by a part of its name [default: the system's]
    #[arg(long)]
    pub loudspeaker: Option<String>,
    /// List microphones and loudspeakers
    #[arg(long)]
    pub list: bool,
    /// Listen all the time; the end of a sentence is found by itself. The microphone rests while the house speaks
    #[arg(long)]
    pub hands_free: bool,
    /// The area you are in, by name
    #[arg(long)]
    pub area: Option<String>,
    /// Write every event as a line of JSON
    #[arg(long)]
    pub json: bool,
}

/// Options of `home`.
#[derive(Debug, Args)]
pub(crate) struct HomeArgs {
    /// Keep showing changes as they happen
    #[arg(short, long)]
    pub watch: bool,
    /// Only what has this in its name, id or area
    pub filter: Option<String>,
    /// Write JSON: the whole home, or with --watch a line for each change
    #[arg(long)]
    pub json: bool,
}

/// `vesta models …`
#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// List models: what is installed, what is in use, what can be pulled
    List {
        /// Only this kind
        #[arg(long, value_enum)]
        kind: Option<Kind>,
        /// Only models for this language
        #[arg(long)]
        language: Option<String>,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Download models; an interrupted download goes on where it stopped
    Pull {
        /// Names from `vesta models list`
        #[arg(required = true)]
        names: Vec<String>,
        /// Write progress as lines of JSON
        #[arg(long)]
        json: bool,
    },
    /// Check installed models against their checksums
    Verify {
        /// Names; all installed ones if none is given
        names: Vec<String>,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Delete installed models
    Remove {
        /// Names of installed models
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Choose a model for what it is made for
    Use {
        /// Name of an installed model
        name: String,
    },
}

/// Kinds of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Kind {
    /// Speech to text
    Stt,
    /// Voices
    Tts,
    /// Wake words
    Wake,
    /// Chat models
    Chat,
}

/// `vesta turns …`
#[derive(Debug, Subcommand)]
pub(crate) enum TurnsCommand {
    /// List the newest turns
    List {
        /// How many
        #[arg(short = 'n', long, default_value_t = 20)]
        limit: usize,
        /// Only turns with this outcome: done, answered, refused, nothing, failed
        #[arg(long)]
        outcome: Option<String>,
        /// Write a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Show one turn with the times of its stages
    Show {
        /// Id, the beginning of an id, or `last`
        turn: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Write a turn's audio, record and waterfall into a folder
    Export {
        /// Id, the beginning of an id, or `last`
        turn: String,
        /// The folder [default: turn-<id>]
        #[arg(short, long)]
        output: Option<PathBuf>,
    },
    /// Run a turn's audio or text through today's settings, without doing anything, and show what changed
    Replay {
        /// Id, the beginning of an id, or `last`
        turn: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// `vesta intents …`
#[derive(Debug, Subcommand)]
pub(crate) enum IntentsCommand {
    /// Read a line of JSON for each sentence, {"home": 0, "text": "…"}, and write what it means as a line of JSON
    ///
    /// The result is {"intent", "slots", "response"}, null where nothing is understood, and {"error"} for a line that
    /// cannot be read; then the exit code is 1.
    Recognize(DictionaryArgs),
    /// Show everything that a sentence may mean, and why one meaning wins
    Explain {
        /// The sentence
        #[arg(required = true, value_name = "TEXT")]
        text: Vec<String>,
        /// Dictionary and home
        #[command(flatten)]
        source: DictionaryArgs,
        /// Which home of a file with several, from 0
        #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "home")]
        home_number: usize,
        /// The area you are in, by name
        #[arg(long)]
        area: Option<String>,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Make up sentences that are understood
    Sample {
        /// Dictionary and home
        #[command(flatten)]
        source: DictionaryArgs,
        /// Which home of a file with several, from 0
        #[arg(long, value_name = "NUMBER", default_value_t = 0, requires = "home")]
        home_number: usize,
        /// Sentences for each template
        #[arg(short = 'n', long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=1000))]
        per_sentence: u16,
        /// Other sentences for another number
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Only for this intent
        #[arg(long)]
        intent: Option<String>,
        /// Write a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Look for mistakes in a dictionary: a file, or a folder such as intents/en. The exit code is 1 where there are errors
    Check {
        /// The folder or file
        #[arg(value_name = "DIR")]
        dictionary: PathBuf,
        /// Write a line of JSON for each finding
        #[arg(long)]
        json: bool,
    },
    /// Add the sentences of another project for a language
    Add {
        /// Whose sentences
        #[arg(value_enum)]
        source: SentenceSource,
        /// The language, a tag such as de or pt-BR [default: the configured one]
        #[arg(long, value_name = "TAG")]
        lang: Option<String>,
        /// The wheel of the PyPI package home-assistant-intents; without it, the package is taken from the installed
        /// Python, or downloaded with pip
        #[arg(long, value_name = "FILE.whl")]
        wheel: Option<PathBuf>,
        /// Write what was added as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Projects whose sentences can be added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum SentenceSource {
    /// Home Assistant's, kept by the Open Home Foundation for over 60 languages; CC BY 4.0
    #[value(name = "homeassistant")]
    HomeAssistant,
}

/// Which sentences, in which home.
#[derive(Debug, Args)]
pub(crate) struct DictionaryArgs {
    /// The dictionary: a file or a folder [default: the configured language]. The data folder is VESTA_DATA here
    // Shares its id with the global `--data`, whose place it takes in these commands.
    #[arg(id = "data", long = "data", value_name = "DICT")]
    pub dictionary: Option<PathBuf>,
    /// A file with the names, areas and floors of a home, or a list of homes
    #[arg(long, value_name = "HOME.json")]
    pub home: Option<PathBuf>,
}

/// Options of `demo-home`.
#[derive(Debug, Args)]
pub(crate) struct DemoHomeArgs {
    /// The broker [default: the running server's, or the configured one]
    #[arg(long, value_name = "URL")]
    pub mqtt: Option<String>,
    /// Take the demo home off the broker
    #[arg(long)]
    pub remove: bool,
}

/// `vesta config …`
#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Every key with its default and what it means
    Example,
    /// What is in force: file, environment and defaults together. Passwords are not shown
    Show {
        /// Write JSON instead of TOML
        #[arg(long)]
        json: bool,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn data_means_the_dictionary_where_sentences_are_read() {
        let cli = Cli::parse_from(["vesta", "intents", "recognize", "--data", "de.json"]);
        assert_eq!(cli.data.as_deref(), Some(std::path::Path::new("de.json")));
        let Command::Intents(IntentsCommand::Recognize(args)) = cli.command else { panic!("another command") };
        assert_eq!(args.dictionary.as_deref(), Some(std::path::Path::new("de.json")));
        let cli = Cli::parse_from(["vesta", "--data", "folder", "intents", "check", "de"]);
        assert_eq!(cli.data.as_deref(), Some(std::path::Path::new("folder")));
    }
}
