//! Commands about people, devices and tokens.

use clap::{Args, Subcommand};
use vesta_people::{Action, Role};

/// `vesta users …`
#[derive(Debug, Subcommand)]
pub(crate) enum UsersCommand {
    /// List people
    List {
        /// Write a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Change a person's role, name or language
    Change {
        /// Name or id
        name: String,
        /// owner, adult, child or guest
        #[arg(long)]
        role: Option<Role>,
        /// Another name
        #[arg(long, value_name = "NAME")]
        rename: Option<String>,
        /// A tag such as de or pt-BR
        #[arg(long, value_name = "TAG")]
        language: Option<String>,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Remove a person with all devices, passkeys and tokens
    Remove {
        /// Name or id
        name: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Show a code that signs a person in once, in a browser without passkeys
    Code {
        /// Name or id
        name: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// List devices that are signed in
    Devices {
        /// Only this person's; name or id
        name: Option<String>,
        /// Write a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Sign a device out
    Revoke {
        /// Its id
        device: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// List open invitations
    Invites {
        /// Write a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Take an invitation back
    Uninvite {
        /// Its id
        invite: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Show sign-ins and changes, the newest first
    Audit {
        /// How many
        #[arg(short = 'n', long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: u16,
        /// Write a line of JSON for each
        #[arg(long)]
        json: bool,
    },
}

/// Options of `invite`.
#[derive(Debug, Args)]
pub(crate) struct InviteArgs {
    /// owner, adult, child or guest
    #[arg(long)]
    pub role: Role,
    /// What they are called [default: they say it themselves]
    #[arg(long)]
    pub name: Option<String>,
    /// Their language, a tag such as de or pt-BR [default: the household's]
    #[arg(long, value_name = "TAG")]
    pub language: Option<String>,
    /// Days that the invitation is open
    #[arg(long, value_name = "DAYS", default_value_t = 7, value_parser = clap::value_parser!(u16).range(1..=30))]
    pub expires_days: u16,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}

/// `vesta tokens …`
#[derive(Debug, Subcommand)]
pub(crate) enum TokensCommand {
    /// List tokens
    List {
        /// Write a line of JSON for each
        #[arg(long)]
        json: bool,
    },
    /// Create a token and show it, this once
    Create {
        /// What it is for
        name: String,
        /// What it may do, such as talk; several times for several. docs/people.md lists them
        #[arg(long, required = true, value_name = "SCOPE")]
        scope: Vec<Action>,
        /// As whom it acts; name or id [default: the first owner]
        #[arg(long)]
        person: Option<String>,
        /// Days that it works
        #[arg(long, value_name = "DAYS", default_value_t = 90, value_parser = clap::value_parser!(u16).range(1..=3650))]
        expires_days: u16,
        /// It works until it is revoked
        #[arg(long, conflicts_with = "expires_days")]
        never_expires: bool,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
    /// Revoke a token
    Revoke {
        /// Its id
        token: String,
        /// Write JSON
        #[arg(long)]
        json: bool,
    },
}

/// Options of `pair`.
#[derive(Debug, Args)]
pub(crate) struct PairArgs {
    /// Whose device it is; name or id [default: the only person]
    #[arg(long)]
    pub person: Option<String>,
    /// Write JSON
    #[arg(long)]
    pub json: bool,
}
