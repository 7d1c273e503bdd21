//! Many mails over one connection; each has a report of its own: `EMAIL_BACKEND=console cargo run --example newsletter`.

use posthaste::{EmailMessage, Error, get_connection};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let readers = ["ann@example.com", "no address", "bob@example.com"];
    let mut connection = get_connection().build()?;
    connection.open().await?;
    let mut failed = Vec::new();
    for reader in readers {
        let mail = EmailMessage::new("News", "There is little to tell.")
            .to([reader])
            .header("List-Id", "News <news.example.com>");
        let report = connection.send(&mail).await;
        if let Some(error) = report.error {
            failed.push(format!("{reader}: {error}"));
        }
    }
    connection.close().await?;
    assert_eq!(failed.len(), 1, "{failed:?}");
    assert!(failed[0].starts_with("no address: to: "));
    Ok(())
}
