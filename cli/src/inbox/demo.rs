//! A dozen mails of all kinds, sent by Posthaste itself, so that there is something to look at.

use std::fmt::Write as _;

use posthaste::blocking::Mailer;
use posthaste::{EmailAttachment, EmailMessage, Error, Settings};

use crate::exit::complain;

const SHOP: &str = "The Tea Shop <shop@shop.example>";
const ANN: &str = "Ann Example <ann@customer.example>";
const LOGO: &[u8] = include_bytes!("demo/logo.png");
const RECEIPT: &[u8] = include_bytes!("demo/receipt.pdf");

/// Sends them, over a connection for each box.
pub(super) fn send(settings: &Settings) {
    for (name, messages) in [("", customers()), ("staff", staff())] {
        let mut settings = settings.clone();
        if !name.is_empty() {
            settings.email_host_user = name.to_owned();
            settings.email_host_password = "anything".into();
        }
        let reports = Mailer::new(settings).send_messages(&messages);
        // Some are refused, and are meant to be; but they all have to come that far.
        let lost = reports.iter().filter_map(|report| report.error.as_ref());
        for error in lost.filter(|error| is_unexpected(error)) {
            complain(format_args!(
                "a mail of the demonstration was not sent: {error}"
            ));
        }
    }
}

fn is_unexpected(error: &Error) -> bool {
    error.reply().is_none()
}

/// What a shop writes to its customers.
fn customers() -> Vec<EmailMessage> {
    vec![
        plain(),
        clipped(),
        right_to_left(),
        japanese(),
        hostile(),
        newsletter(),
        partly_refused(),
        refused(),
        receipt(),
        reset(),
        welcome(),
    ]
}

/// What it writes to those who work there.
fn staff() -> Vec<EmailMessage> {
    vec![forwarded(), hidden_copy(), no_subject()]
}

fn welcome() -> EmailMessage {
    let text = "Welcome, Ann\n\nYour account is ready. Confirm your address, and the kettle goes on:\n\
                https://shop.example/confirm?token=demo\n\n\
                You did not ask for an account? Then there is nothing to do; this link ends in an hour.\n";
    EmailMessage::new("Welcome to the Tea Shop", text)
        .from(SHOP)
        .to([ANN])
        .html(include_str!("demo/welcome.html"))
        .attach(EmailAttachment::bytes("logo.png", LOGO).inline("logo"))
}

fn reset() -> EmailMessage {
    let text = "Your one-time code is 482913. It is good for ten minutes.\n\n\
                You can also follow this link: https://shop.example/reset?token=demo\n";
    EmailMessage::new("Reset your password", text)
        .from(SHOP)
        .to([ANN])
}

fn receipt() -> EmailMessage {
    let text = "Thank you for your order 1234.\n\n2 × Blue teapot  € 48.00\n1 × Tin of tea    € 9.50\nTotal             € 57.50\n";
    EmailMessage::new("Your order 1234", text)
        .from(SHOP)
        .to([ANN])
        .reply_to(["orders@shop.example"])
        .html(include_str!("demo/receipt.html"))
        .attach(EmailAttachment::bytes("receipt-1234.pdf", RECEIPT))
}

fn newsletter() -> EmailMessage {
    let text = "The first flush is here.\n\nIt was picked in the mist before sunrise, and it tastes of it.\n\
                https://shop.example/first-flush\n";
    EmailMessage::new("The first flush is here 🍃", text)
        .from("Tea News <news@shop.example>")
        .to([ANN])
        .header("List-Id", "Tea News <news.shop.example>")
        .header(
            "List-Unsubscribe",
            "<https://shop.example/unsubscribe?u=demo>",
        )
        .header("List-Unsubscribe-Post", "List-Unsubscribe=One-Click")
        .html(include_str!("demo/newsletter.html"))
}

fn right_to_left() -> EmailMessage {
    let text = "شكرا لطلبك رقم ١٢٣٤.\nתודה על ההזמנה 1234, והתה בדרך.\n";
    let html = "<!doctype html><html lang=\"ar\" dir=\"rtl\"><body style=\"font:18px/1.7 system-ui,sans-serif\">\
                <h1>شكرا لطلبك</h1><p>الطلب رقم ١٢٣٤ في الطريق إليك.</p>\
                <p lang=\"he\">תודה על ההזמנה <b>1234</b>, והתה בדרך.</p></body></html>";
    EmailMessage::new("شكرا لطلبك رقم ١٢٣٤", text)
        .from(("متجر الشاي", "shop@shop.example"))
        .to([("ليلى", "layla@customer.example")])
        .html(html)
}

fn japanese() -> EmailMessage {
    let text = "ご注文ありがとうございます。\n注文番号は1234です。\n\n感谢您的订购。\n주문해 주셔서 감사합니다.\n";
    EmailMessage::new("ご注文の確認（1234番）", text)
        .from(("お茶の店", "shop@shop.example"))
        .to([("山田花子", "hanako@customer.example")])
}

fn partly_refused() -> EmailMessage {
    EmailMessage::new(
        "Closed on Monday",
        "We are closed on Monday, and back on Tuesday.\n",
    )
    .from(SHOP)
    .to([ANN])
    .cc(["550-5.1.1@fault.test", "bob@customer.example"])
}

fn refused() -> EmailMessage {
    EmailMessage::new("Nobody gets this", "The only recipient is refused.\n")
        .from(SHOP)
        .to(["550-5.1.1@fault.test"])
}

fn hostile() -> EmailMessage {
    let text = "This mail tries what mails should not.\n";
    EmailMessage::new("<img src=x onerror=alert(1)> You have won", text)
        .from((
            "</title><script>alert(1)</script>",
            "prize@attacker.example",
        ))
        .to([ANN])
        .html(include_str!("demo/hostile.html"))
}

fn plain() -> EmailMessage {
    let text = "Hello,\n\n> When is the next tasting?\n\nOn Friday at six. Bring a cup, and somebody who likes to talk.\n\n-- \nThe Tea Shop\n";
    EmailMessage::new("Re: Tasting", text)
        .from(SHOP)
        .to(["bob@customer.example"])
        .header("In-Reply-To", "<question@customer.example>")
        .header("References", "<question@customer.example>")
}

/// Some mail services show the first 102 kB of a text.
fn clipped() -> EmailMessage {
    let mut html =
        String::from("<!doctype html><html lang=\"en\"><body><h1>All teas from A to Z</h1><table>");
    for number in 1..=900 {
        let _ = write!(
            html,
            "<tr style=\"border-top:1px solid #e5e7eb\"><td style=\"padding:4px 12px\">{number}</td>\
             <td style=\"padding:4px 12px\">Tea number {number}</td></tr>"
        );
    }
    html += "</table><p><a href=\"https://shop.example/unsubscribe?u=demo\">No more of it</a></p></body></html>";
    EmailMessage::new("All teas from A to Z", "Our list of teas is in the HTML.\n")
        .from("Tea News <news@shop.example>")
        .to([ANN])
        .html(html)
}

fn forwarded() -> EmailMessage {
    let question = EmailMessage::new(
        "Is the blue teapot dishwasher-safe?",
        "I would rather ask first.\n",
    )
    .from("bob@customer.example")
    .to(["shop@shop.example"]);
    EmailMessage::new(
        "Fwd: Is the blue teapot dishwasher-safe?",
        "Can you answer him?\n",
    )
    .from(SHOP)
    .to(["potter@shop.example"])
    .attach(EmailAttachment::message(question))
    .attach(EmailAttachment::text(
        "prices.csv",
        "tea,price\nfirst flush,9.50\n",
    ))
}

fn hidden_copy() -> EmailMessage {
    EmailMessage::new("Roster of next week", "Mon Ann\nTue Bob\nWed Cat\n")
        .from("Office <office@shop.example>")
        .to(["all@shop.example"])
        .bcc(["boss@shop.example", "archive@shop.example"])
}

fn no_subject() -> EmailMessage {
    EmailMessage::new("", "")
        .from("office@shop.example")
        .to(["potter@shop.example"])
}
