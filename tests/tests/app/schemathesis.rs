//! Requests made out of the API's own description: none of them may end in a server error.

use std::process::Stdio;

use tokio::process::Command;
use vesta_tests::chromium::cache;
use vesta_tests::server::Server;

#[tokio::test(flavor = "multi_thread")]
async fn no_request_that_the_description_allows_ends_in_a_server_error() {
    let server = Server::with_demo_home().await;
    for text in ["turn on the kitchen light", "what time is it", "set a timer for ten minutes"] {
        server.ask(text).await;
    }
    let program = cache().join("python-peers/bin/schemathesis");
    assert!(program.exists(), "{} is missing; script/setup --tests installs it", program.display());
    // It keeps what it found beside where it runs.
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(program)
        .current_dir(&folder)
        .arg("run")
        .arg(format!("{}/api/openapi.json", server.url))
        .args(["--header", &format!("Authorization: Bearer {}", server.token)])
        // Events never end; everything else is asked.
        .args(["--exclude-path", "/api/events", "--exclude-path", "/api/home/changes"])
        .args([
            "--checks",
            "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance",
        ])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "12", "--seed", "1", "--workers", "1"])
        .args(["--request-timeout", "20", "--no-color"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    let tested = told.lines().find_map(|line| line.trim().strip_prefix("Tested: ")?.parse::<u32>().ok());
    assert!(tested.is_some_and(|tested| tested >= 60), "hardly anything was asked: {told}");
}
