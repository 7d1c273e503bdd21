//! One mail, by whatever backend the environment names: `EMAIL_BACKEND=console cargo run --example hello`.

use posthaste::{Error, Status, send_mail};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let report = send_mail(
        "Grüße",
        "How are you?",
        ("Ann", "ann@example.com"),
        ["bob@example.com"],
    )
    .html_message("<p>How are <b>you</b>?")
    .await?;
    assert_eq!(report.status(), Status::Sent);
    Ok(())
}
