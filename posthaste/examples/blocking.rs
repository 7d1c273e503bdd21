//! The same without a runtime: `EMAIL_BACKEND=console cargo run --example blocking`.

use posthaste::Error;
use posthaste::blocking::send_mail;

fn main() -> Result<(), Error> {
    let report = send_mail(
        "Hello",
        "How are you?",
        "ann@example.com",
        ["bob@example.com"],
    )
    .send()?;
    assert_eq!(report.count(), 1);
    Ok(())
}
