//! The same mail, composed by three libraries.

use std::time::{SystemTime, UNIX_EPOCH};

use lettre::message::header::ContentType;
use lettre::message::{Attachment, MultiPart, SinglePart};
use posthaste_message::{Content, Date, EmailAttachment, EmailMessage, RenderOptions};

/// One mail to compose.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) batch: u32,
    text: String,
    html: Option<String>,
    attached: Option<Vec<u8>>,
    /// Kept from message to message, as an application keeps its settings.
    options: RenderOptions,
}

/// Who composes.
#[derive(Clone, Copy)]
pub(crate) enum Composer {
    Lettre,
    MailBuilder,
    Posthaste,
}

impl Composer {
    pub(crate) const ALL: [Self; 3] = [Self::Lettre, Self::MailBuilder, Self::Posthaste];

    /// The name of the crate that composes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Lettre => "lettre",
            Self::MailBuilder => "mail-builder",
            Self::Posthaste => "posthaste",
        }
    }

    pub(crate) fn compose(self, case: &mut Case) -> Vec<u8> {
        match self {
            Self::Lettre => lettre(case),
            Self::MailBuilder => mail_builder(case),
            Self::Posthaste => posthaste(case),
        }
    }
}

/// How many mails the published table has.
pub(crate) const CASES: usize = 4;

/// The mail in that line of the published table, counted from 0.
pub(crate) fn case_number(number: usize) -> Option<Case> {
    let short = "Your parcel has left the house.\r\n";
    let long =
        "Größe, Wärme, Übermut: ein Absatz, der nicht nur aus ASCII besteht.\r\n".repeat(145);
    let html = format!(
        "<html><body><p>{}</p></body></html>",
        long.replace("\r\n", "<br>\r\n")
    );
    let html = Some(html.as_str());
    Some(match number {
        0 => case("short text", 16, short, None, None),
        1 => case("text + HTML, 10 kB, not ASCII", 4, &long, html, None),
        2 => case("the same + 1 MB attached", 1, &long, html, Some(1 << 20)),
        3 => case("the same + 10 MB attached", 1, &long, html, Some(10 << 20)),
        _ => return None,
    })
}

fn case(
    name: &'static str,
    batch: u32,
    text: &str,
    html: Option<&str>,
    size: Option<usize>,
) -> Case {
    let attached = size.map(|size| {
        (0..size)
            .map(|at| (at * 31 % 251) as u8)
            .collect::<Vec<u8>>()
    });
    Case {
        name,
        batch,
        text: text.to_owned(),
        html: html.map(str::to_owned),
        attached,
        options: RenderOptions::new(Date::default(), "mail.example.com", 0),
    }
}

const SUBJECT: &str = "Your order has been sent";
const FROM: &str = "Ann Sender <ann@example.com>";
const TO: &str = "Bob Receiver <bob@example.org>";

/// The message is made of its parts each time. The bytes of the attachment are handed over and taken back, not copied.
fn posthaste(case: &mut Case) -> Vec<u8> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    case.options.date = Date::from_unix(now.as_secs().cast_signed(), 0);
    case.options.seed = u64::from(now.subsec_nanos());
    let mut message = EmailMessage::new(SUBJECT, case.text.as_str())
        .from(FROM)
        .to([TO]);
    if let Some(html) = &case.html {
        message = message.html(html.as_str());
    }
    if let Some(octets) = case.attached.take() {
        message = message.attach(EmailAttachment::bytes("data.bin", octets));
    }
    let rendered = message.render(&case.options).expect("the message is valid");
    let bytes = rendered.into_vec().expect("nothing is read from files");
    if let Some(Content::Bytes(octets)) = message.attachments.pop().map(|part| part.content) {
        case.attached = Some(octets);
    }
    bytes
}

fn lettre(case: &Case) -> Vec<u8> {
    let builder = lettre::Message::builder()
        .from(FROM.parse().expect("an address"))
        .to(TO.parse().expect("an address"))
        .subject(SUBJECT)
        .message_id(None);
    let message = match &case.html {
        None => builder.singlepart(SinglePart::plain(case.text.clone())),
        Some(html) => {
            let bodies = MultiPart::alternative_plain_html(case.text.clone(), html.clone());
            match &case.attached {
                None => builder.multipart(bodies),
                Some(octets) => builder.multipart(MultiPart::mixed().multipart(bodies).singlepart(
                    Attachment::new("data.bin".to_owned()).body(
                        octets.clone(),
                        ContentType::parse("application/octet-stream").expect("a type"),
                    ),
                )),
            }
        }
    };
    message.expect("the message is valid").formatted()
}

fn mail_builder(case: &Case) -> Vec<u8> {
    let mut builder = mail_builder::MessageBuilder::new()
        .from(("Ann Sender", "ann@example.com"))
        .to(("Bob Receiver", "bob@example.org"))
        .subject(SUBJECT)
        .text_body(case.text.as_str());
    if let Some(html) = &case.html {
        builder = builder.html_body(html.as_str());
    }
    if let Some(octets) = &case.attached {
        builder = builder.attachment("application/octet-stream", "data.bin", octets.as_slice());
    }
    builder.write_to_vec().expect("writing to memory succeeds")
}
