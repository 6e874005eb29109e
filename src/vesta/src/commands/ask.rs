//! `vesta ask`: something in writing.

use std::process::ExitCode;

use crate::cli::AskArgs;
use crate::commands::{Host, Setting};
use crate::terminal;

pub(crate) async fn run(setting: Setting, args: AskArgs) -> anyhow::Result<ExitCode> {
    let host = Host::find(&setting).await?;
    let area = host.area(args.area.as_deref()).await?;
    let answer = host.server.ask(&args.text.join(" "), area.as_deref(), args.rehearse).await;
    host.leave().await;
    let answer = answer?;
    if args.json {
        terminal::json(&answer)?;
    } else if args.rehearse {
        for intent in answer["intent"].as_array().into_iter().flatten() {
            terminal::line(format!("{} {}", intent["intent"].as_str().unwrap_or_default(), intent["slots"]));
        }
    }
    if !args.json
        && !args.rehearse
        && let Some(said) = answer["said"].as_str()
    {
        terminal::line(said);
    }
    if !args.json
        && let Some(detail) = answer["error"]["detail"].as_str()
    {
        terminal::remark(format!("({detail})"));
    }
    let failed = matches!(answer["outcome"].as_str(), Some("failed" | "refused" | "nothing"));
    Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}
