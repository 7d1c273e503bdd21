//! What a hostile user may try on a message: line ends in every field, headers that are not
//! theirs to give, recipients that nobody may see, file names with tricks. Addresses and limits
//! have files of their own.

mod support;

use posthaste_message::{
    EmailAlternative, EmailAttachment, EmailMessage, RenderError, RenderOptions,
};
use support::{all, bytes, error, error_with, message, names, options, structure, text};

/// A message with `value` in one field, and what the error must call that field.
type Place = (&'static str, fn(&str) -> EmailMessage);

fn attached() -> EmailAttachment {
    EmailAttachment::bytes("a.bin", b"x")
}

/// Every field that reaches a header.
const PLACES: &[Place] = &[
    ("subject", |value| message().subject(value)),
    ("from_email", |value| message().from(value)),
    ("from_email", |value| {
        message().from(format!("{value} <a@b.c>"))
    }),
    ("from_email", |value| {
        message().from(format!("\"{value}\" <a@b.c>"))
    }),
    ("from_email", |value| message().from((value, "a@b.c"))),
    ("from_email", |value| {
        message().from(("Ann", format!("a@b.c{value}")))
    }),
    ("to", |value| message().to([value])),
    ("to", |value| {
        message().to([format!("a@b.c, {value} <c@d.e>")])
    }),
    ("to", |value| message().to([format!("a@b.c ({value})")])),
    ("to", |value| message().to([format!("\"{value}\"@b.c")])),
    ("to", |value| message().to([format!("a@{value}.c")])),
    ("to", |value| message().to([format!("a@[{value}]")])),
    ("to", |value| message().to([format!("{value}: a@b.c;")])),
    ("to", |value| message().to([(value, "a@b.c")])),
    ("cc", |value| message().cc([value])),
    ("cc", |value| {
        message().cc([("Ann", format!("{value}@b.c"))])
    }),
    ("reply_to", |value| message().reply_to([value])),
    ("headers.X-Tag", |value| message().header("X-Tag", value)),
    ("headers.From", |value| {
        message().header("From", format!("a@b.c {value}"))
    }),
    ("headers.to", |value| {
        message().header("to", format!("a@b.c {value}"))
    }),
    ("headers.Cc", |value| {
        message().header("Cc", format!("a@b.c {value}"))
    }),
    ("headers.Reply-To", |value| {
        message().header("Reply-To", format!("a@b.c {value}"))
    }),
    ("headers.Sender", |value| {
        message().header("Sender", format!("a@b.c {value}"))
    }),
    ("headers.Resent-To", |value| {
        message().header("Resent-To", format!("a@b.c {value}"))
    }),
    ("headers.Message-ID", |value| {
        message().header("Message-ID", format!("<a{value}@b>"))
    }),
    ("headers.Date", |value| {
        message().header("Date", format!("Mon, 23 Nov 2026{value} 12:00:00 +0000"))
    }),
    ("headers.References", |value| {
        message().header("References", format!("<a@b>{value}<c@d>"))
    }),
    ("headers.List-Unsubscribe", |value| {
        message().header("List-Unsubscribe", format!("<https://x.org/{value}>"))
    }),
    ("content_subtype", |value| {
        message().content_subtype(format!("plain{value}"))
    }),
    ("charset", |value| {
        message().charset(format!("utf-8{value}"))
    }),
    ("attachments[0].filename", |value| {
        message().attach(attached().filename(format!("a{value}.bin")))
    }),
    ("attachments[0].mimetype", |value| {
        message().attach(attached().mimetype(format!("image/png{value}")))
    }),
    ("attachments[0].mimetype", |value| {
        message().attach(attached().mimetype(format!("image/png; name=\"a{value}\"")))
    }),
    ("attachments[0].mimetype", |value| {
        message().attach(attached().mimetype(format!("image/png; na{value}me=a")))
    }),
    ("attachments[0].disposition", |value| {
        message().attach(attached().disposition(format!("inline{value}")))
    }),
    ("attachments[0].content_id", |value| {
        message().attach(attached().inline(format!("a{value}@b.c")))
    }),
    ("attachments[0].headers.X-Part", |value| {
        message().attach(attached().header("X-Part", value))
    }),
    ("alternatives[0].mimetype", |value| {
        message().alternative("x", format!("text/html{value}"))
    }),
    ("alternatives[0].mimetype", |value| {
        message().alternative("x", format!("text/html; a=\"{value}\""))
    }),
    ("attachments[0].message.subject", |value| {
        message().attach(message().subject(value))
    }),
    ("attachments[0].message.to", |value| {
        message().attach(message().to([(value, "a@b.c")]))
    }),
];

/// Line ends, as they come.
const BREAKS: &[&str] = &[
    "\r\nX-Evil: 1",
    "\nX-Evil: 1",
    "\rX-Evil: 1",
    "\r\n\r\nbody",
    "\n",
    "\r",
    "x\r\n",
    "\r\n y",
    "x\n",
];

#[test]
fn a_line_end_is_refused_in_every_field() {
    for &(field, place) in PLACES {
        for &value in BREAKS {
            assert_eq!(error(&place(value)).field(), field, "{value:?}");
            assert_eq!(
                error(&place(&format!("a{value}"))).field(),
                field,
                "{value:?}"
            );
            let utf8 = format!("é{value}é");
            assert_eq!(error(&place(&utf8)).field(), field, "{utf8:?}");
        }
    }
}

#[test]
fn nul_and_other_controls_are_refused_in_every_field() {
    let controls = (0..0x20).chain(0x7f..0xa0).chain(0x2028..0x202a);
    for c in controls.filter_map(char::from_u32).filter(|&c| c != '\t') {
        for &(field, place) in PLACES {
            assert_eq!(error(&place(&format!("a{c}b"))).field(), field, "{c:?}");
        }
    }
}

#[test]
fn header_names_are_tokens() {
    let long = "x".repeat(77);
    for name in [
        "",
        " ",
        "X Foo",
        "X:Foo",
        "X-Foo:",
        "X\nFoo",
        "X\r\nBcc: a@b",
        "X-Foo\n",
        "\nX-Foo",
        "X\0",
        "Ünï",
        " X",
        "X ",
        "X\tY",
        "\"X\"",
        "(X)",
        "X@Y",
        "X\u{2028}",
        "=?utf-8?q?X?=",
        &long,
    ] {
        let wrong = error(&message().header(name, "x"));
        assert!(wrong.field().starts_with("headers."), "{wrong}");
        let part = message().attach(attached().header(name, "x"));
        assert!(error(&part).field().starts_with("attachments[0].headers."));
    }
}

#[test]
fn options_bring_no_lines_either() {
    for &value in BREAKS {
        let mut bad = options();
        bad.default_from = format!("a@b.c{value}");
        let unsigned = EmailMessage::new("x", "y").to(["a@b.c"]);
        assert_eq!(error_with(&unsigned, &bad).field(), "from_email");
        let mut bad = options();
        bad.domain = format!("b.c{value}");
        assert_eq!(error_with(&message(), &bad).field(), "domain");
        let mut bad = options();
        bad.charset = format!("utf-8{value}");
        assert_eq!(error_with(&message(), &bad).field(), "charset");
    }
    for domain in [
        "", " ", "b> <c@d", "b.c>", "a b", "a(x)", "a@b", "<b", "b,c", "b;c", "[x y]", "a..b",
        ".a", "a.",
    ] {
        let mut bad = options();
        domain.clone_into(&mut bad.domain);
        assert_eq!(error_with(&message(), &bad).field(), "domain", "{domain}");
    }
}

#[test]
fn a_message_without_any_sender_is_refused() {
    let mut bare = options();
    bare.default_from.clear();
    let unsigned = EmailMessage::new("x", "y").to(["a@b.c"]);
    assert_eq!(error_with(&unsigned, &bare).field(), "from_email");
    assert_eq!(unsigned.envelope(&bare).unwrap_err().field(), "from_email");
    for value in ["", " ", ",", "(nobody)", " , ,"] {
        assert_eq!(
            error(&message().header("From", value)).field(),
            "headers.From",
            "{value:?}"
        );
    }
}

#[test]
fn the_envelope_takes_no_controls() {
    for value in BREAKS
        .iter()
        .chain(&["\0", "\x01", "\t", "\u{85}", "\u{2028}"])
    {
        for address in [
            format!("a{value}@b.c"),
            format!("a@b.c{value}"),
            format!("\"a{value}\"@b.c"),
            format!("A{value} <a@b.c>"),
            format!("<a@b.c>{value}"),
            format!("{value}a@b.c"),
            format!("a@b.c ({value})"),
        ] {
            let fields = [
                ("from_email", message().from(&address)),
                ("to", message().to([&address])),
                ("cc", message().cc([&address])),
                ("bcc", message().bcc([&address])),
            ];
            for (field, message) in fields {
                let wrong = message.envelope(&options()).unwrap_err();
                assert_eq!(wrong.field(), field, "{address:?}");
                assert!(!wrong.to_string().chars().any(char::is_control));
            }
        }
    }
}

#[test]
fn what_only_looks_like_a_line_end_stays_text() {
    for value in [
        "=?utf-8?q?=0D=0AX-Evil:_1?=",
        "=?utf-8?b?DQpYLUV2aWw6IDE=?=",
        "=?us-ascii?q?a=0Ab?=",
        "=?utf-16?b?AAoACg==?=",
        "=?utf-8?q?=E2=80=A8?=",
        "%0d%0aX-Evil: 1",
        "&#13;&#10;",
        "\\r\\nX-Evil: 1",
        "\u{560a}\u{560d}",
        "\u{760d}\u{760a}",
    ] {
        let text = text(
            &message()
                .subject(value)
                .header("X-Tag", value)
                .to([(value, "a@b.c")]),
        );
        assert_eq!(all(&text, "X-Evil"), Vec::<String>::new());
        assert_eq!(text.matches("\r\n\r\n").count(), 1, "{text}");
        let read = mail_parser::MessageParser::new()
            .parse(text.as_bytes())
            .unwrap();
        assert_eq!(read.subject(), Some(value));
        let to = read.to().unwrap().first().unwrap();
        assert_eq!(to.name.as_deref(), Some(value));
    }
}

#[test]
fn structural_and_hidden_headers_are_refused() {
    for name in [
        "Subject",
        "SUBJECT",
        "MIME-Version",
        "mime-version",
        "Content-Type",
        "content-transfer-encoding",
        "Content-Disposition",
        "Content-ID",
        "Content-Anything",
        "Bcc",
        "bcc",
        "BCC",
        "Resent-Bcc",
        "resent-bcc",
    ] {
        assert_eq!(
            error(&message().header(name, "a@b.c")).field(),
            format!("headers.{name}")
        );
    }
    for name in [
        "Content-Type",
        "content-disposition",
        "Content-Transfer-Encoding",
        "Content-ID",
        "MIME-Version",
        "Bcc",
        "resent-bcc",
    ] {
        let wrong = error(&message().attach(attached().header(name, "x")));
        assert_eq!(wrong.field(), format!("attachments[0].headers.{name}"));
    }
}

#[test]
fn no_header_of_one_kind_stands_twice() {
    for name in [
        "From",
        "To",
        "Cc",
        "Reply-To",
        "Sender",
        "Date",
        "Message-ID",
        "In-Reply-To",
        "References",
    ] {
        let value = match name {
            "Date" => "Mon, 23 Nov 2026 12:00:00 +0000",
            "Message-ID" | "In-Reply-To" | "References" => "<a@b.c>",
            _ => "a@b.c",
        };
        let once = message()
            .cc(["c@c.c"])
            .reply_to(["r@r.r"])
            .header(name, value);
        let written = text(&once);
        let is = |other: &&str| other.eq_ignore_ascii_case(name);
        assert_eq!(names(&written).into_iter().filter(is).count(), 1, "{name}");
        for other in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
            let wrong = error(&once.clone().header(&other, value));
            assert_eq!(wrong.field(), format!("headers.{other}"));
        }
    }
}

#[test]
fn bcc_is_nowhere_in_the_message() {
    let hidden = "hidden@secret.example";
    let inner = message().bcc([hidden]);
    let all = message()
        .bcc([hidden])
        .attach(inner)
        .html("<p>")
        .attach(("a.txt", "x"));
    let written = String::from_utf8(bytes(&all)).unwrap();
    assert!(!written.contains("secret") && !written.to_lowercase().contains("bcc"));
    let envelope = all.envelope(&options()).unwrap();
    assert_eq!(envelope.to.last().unwrap().addr_spec(), hidden);
    let only = EmailMessage::new("x", "y").from("a@b.c").bcc([hidden]);
    assert_eq!(
        names(&text(&only))
            .iter()
            .filter(|name| **name == "To")
            .count(),
        0
    );
}

#[test]
fn a_file_name_stays_one_parameter() {
    for name in [
        "a\"; filename=\"evil.exe",
        "a\\\"; filename=\"evil.exe",
        "a\\",
        "\"",
        "a; filename=evil.exe",
        "a'b",
        "utf-8''evil.exe",
        "\u{202e}fdp.exe",
        "invoice\u{202e}fdp.exe",
        "a\u{2066}b",
        "=?utf-8?q?evil.exe?=",
        "%22.txt",
        "a*0=x",
        "é\"; filename=\"evil.exe",
        "../../etc/passwd",
        "a/b",
        "C:\\evil.exe",
    ] {
        let sent = text(&message().attach((name, "x", "application/x-data")));
        let value = &sent[sent.find("Content-Disposition:").unwrap()..];
        let value = value[..value.find("\r\n\r\n").unwrap()].replace("\r\n ", " ");
        assert!(value.is_ascii(), "{value}");
        let plain = value.split_once("filename=\"").map(|(_, rest)| rest);
        // What is quoted holds nothing that could end the quotes for a careless reader.
        assert!(
            plain.is_none_or(|rest| rest.matches('"').count() == 1 && !rest.contains('\\')),
            "{value}"
        );
        let read = mail_parser::MessageParser::new()
            .parse(sent.as_bytes())
            .unwrap();
        let part = read.attachment(0).unwrap();
        assert_eq!(mail_parser::MimeHeaders::attachment_name(part), Some(name));
    }
}

#[test]
fn parameters_of_a_type_stay_in_it() {
    for kind in [
        "image/png; filename=x\"; a=\"b",
        "image/png; a=b; A=c",
        "image/png;\u{e9}=x",
        "image/png; a*=utf-8''x",
        "image/png; a",
        "image/ png",
        "image",
        "/",
        "image/png/x",
        "multipart/mixed; boundary=x",
        "message/partial",
        "image/png, text/html",
        "image/png (x)",
    ] {
        let wrong = error(&message().attach(attached().mimetype(kind)));
        assert_eq!(wrong.field(), "attachments[0].mimetype", "{kind}");
    }
    let boundary = message().alternative("x", "text/html; boundary=x");
    assert_eq!(
        structure(&bytes(&boundary)),
        "alternative(text/plain, text/html)"
    );
}

#[test]
fn no_text_can_forge_a_boundary() {
    let plain = text(&message().attach(("a.txt", "x")));
    let start = plain.find("boundary=\"").unwrap() + 10;
    let boundary = &plain[start..start + plain[start..].find('"').unwrap()];
    let forged =
        format!("x\r\n--{boundary}\r\nContent-Type: text/html\r\n\r\nevil\r\n--{boundary}--\r\n");
    for sent in [
        message().body(&forged).attach(("a.txt", "x")),
        message().attach(("a.txt", forged.as_str(), "text/plain")),
        message().attach(("a.eml", forged.clone().into_bytes(), "message/rfc822")),
        message().attach(message().body(&forged)),
        message().html(&forged).attach(("a.txt", "x")),
    ] {
        let bytes = bytes(&sent);
        let found = structure(&bytes);
        assert!(
            found.starts_with("mixed(") && !found.contains("none"),
            "{found}"
        );
        let read = mail_parser::MessageParser::new().parse(&bytes).unwrap();
        assert!(read.attachment_count() <= 2, "{found}");
        assert!(
            String::from_utf8_lossy(&bytes)
                .matches(&format!("boundary=\"{boundary}\""))
                .count()
                == 0
        );
    }
}

#[test]
fn files_can_be_forbidden_everywhere() {
    let mut closed = options();
    closed.allow_files = false;
    let file = EmailAttachment::path("/etc/hostname");
    let wrong = error_with(&message().attach(file.clone()), &closed);
    assert_eq!(wrong.field(), "attachments[0].path");
    let inner = message().attach(message().attach(file.clone()));
    assert_eq!(
        error_with(&inner, &closed).field(),
        "attachments[0].message.attachments[0].path"
    );
    let mut alternative = message();
    alternative.alternatives.push(EmailAlternative::new(
        std::path::PathBuf::from("/etc/hostname"),
        "text/html",
    ));
    assert_eq!(error(&alternative).field(), "alternatives[0].content");
}

#[test]
fn errors_are_one_short_line() {
    let value = "x\r\n\u{1b}[2J\u{202e}".repeat(10_000);
    let check = |error: RenderError| {
        let text = error.to_string();
        assert!(text.len() < 5_000, "{}", text.len());
        assert!(
            !text.chars().any(|c| c.is_control() || c == '\u{202e}'),
            "{text}"
        );
    };
    for &(_, place) in PLACES {
        check(error(&place(&value)));
    }
    check(error(&message().header(&value, "x")));
    check(error(
        &message().attach(EmailAttachment::path(value.replace('\0', ""))),
    ));
    check(
        EmailMessage::from_json(format!("{{{}: 1}}", serde_json::to_string(&value).unwrap()))
            .unwrap_err(),
    );
    let _ = RenderOptions::default();
}
