//! The messages that are sent: one of each size.

use std::fs;
use std::path::{Path, PathBuf};

use posthaste::{EmailAttachment, EmailMessage};
use posthaste_message::{Date, RenderOptions};

use crate::job::{Job, Outcome, SENDER};

/// Messages that are larger have a file attached; smaller ones are all text.
const TEXT: usize = 20_000;

/// Writes the message of that size, `SIZE.eml`, and the file that it has attached, if any.
pub(crate) fn write(folder: &str, size: &str) -> Outcome {
    let file = Path::new(folder).join(size).with_extension("eml");
    let size: usize = size.parse()?;
    if size > TEXT {
        // Base64 makes lines of 78 octets of 57.
        let octets = (0..size * 57 / 78).map(|at| u8::try_from(at * 31 % 251).unwrap_or_default());
        fs::write(attached(&file), octets.collect::<Vec<u8>>())?;
    }
    let message = message(size, &file, &["r0@example.com".to_owned()]);
    let options = RenderOptions::new(Date::default(), "bench.example.com", 0);
    fs::write(&file, message.render(&options)?.into_vec()?)?;
    Ok(())
}

/// The same message for Posthaste, once.
pub(crate) fn of(job: &Job) -> Result<EmailMessage, &'static str> {
    let size = job.file.file_stem().and_then(|name| name.to_str());
    let size = size.and_then(|name| name.parse().ok());
    let size = size.ok_or("the file of the message is not named by its size")?;
    Ok(message(size, &job.file, &job.recipients))
}

fn message(size: usize, file: &Path, recipients: &[String]) -> EmailMessage {
    let headers = 300;
    let text = if size > TEXT {
        String::from("The report is attached.\n")
    } else {
        // Now and then a line begins with a dot, which has to be doubled after DATA.
        let line = |n: usize| {
            let dot = if n % 16 == 7 { "." } else { "T" };
            format!(
                "{dot}his is line {n:>6} of a letter, and it goes on until it is full enough.\r\n"
            )
        };
        let mut text: String = (0..=size / 70).map(line).collect();
        text.truncate(size.saturating_sub(headers));
        text
    };
    let message = EmailMessage::new("Your order has been sent", text)
        .from(SENDER)
        .to(recipients.iter().map(String::as_str));
    if size > TEXT {
        message.attach(EmailAttachment::path(attached(file)))
    } else {
        message
    }
}

fn attached(file: &Path) -> PathBuf {
    file.with_extension("bin")
}
