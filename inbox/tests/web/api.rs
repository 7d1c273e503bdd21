//! What programs ask for.

use posthaste::{EmailMessage, Mailer};
use serde_json::{Value, json};

use crate::http::{ask, change, get};
use crate::{inbox, put_in};

const MAIL: &str = "From: Shop <shop@example.com>\r\nTo: Ann <ann@example.com>\r\nCc: cat@example.com\r\n\
                    Subject: Your order\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n\r\n<p>Hello</p>\r\n";

#[test]
fn a_mail_that_came_is_told_whole() {
    let (inbox, web) = inbox();
    let message = EmailMessage::new("Hello", "Are you there?")
        .from("shop@example.com")
        .to(["Ann <ann@example.com>"])
        .bcc(["hidden@example.com"]);
    let report = Mailer::new(inbox.settings()).blocking().send(&message);
    assert_eq!(report.count(), 1, "{report:?}");

    let list = get(web, "/api/v1/messages").json();
    assert_eq!((&list["total"], &list["last"]), (&json!(1), &json!(1)));
    let mail = get(web, "/api/v1/messages/1").json();
    for (at, value) in [
        ("/id", json!(1)),
        ("/subject", json!("Hello")),
        ("/taken", json!(true)),
        ("/read", json!(false)),
        ("/from/0/address", json!("shop@example.com")),
        ("/to/0/name", json!("Ann")),
        ("/envelope/mail_from", json!("shop@example.com")),
        ("/envelope/rcpt_to/1/address", json!("hidden@example.com")),
        ("/envelope/rcpt_to/1/code", json!(250)),
        ("/reply/code", json!(250)),
        ("/session/pipelined", json!(true)),
    ] {
        assert_eq!(mail.pointer(at), Some(&value), "{at} of {mail:#}");
    }
    assert_eq!(get(web, "/api/v1/messages/latest").json(), mail);
    let lines = get(web, "/api/v1/messages/1/transcript").json();
    let lines = lines.as_array().expect("lines");
    assert!(lines.iter().any(|line| {
        line["text"] == "MAIL FROM:<shop@example.com>"
            || line["text"]
                .as_str()
                .is_some_and(|text| text.starts_with("MAIL FROM:<shop@"))
    }));
}

#[test]
fn the_octets_are_those_that_were_put_in() {
    let (_inbox, web) = inbox();
    put_in(web, "", MAIL);
    let raw = get(web, "/api/v1/messages/1/raw");
    assert_eq!(raw.body, MAIL.as_bytes());
    assert_eq!(raw.header("content-type"), Some("message/rfc822"));
    let disposition = raw.header("content-disposition");
    assert_eq!(disposition, Some("attachment; filename=\"1.eml\""));
}

#[test]
fn nothing_of_a_mail_is_shown_as_a_page() {
    let (_inbox, web) = inbox();
    put_in(web, "", MAIL);
    let html = get(web, "/api/v1/messages/1/html");
    assert_eq!(html.text().trim(), "<p>Hello</p>");
    assert_eq!(
        html.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    let part = get(web, "/api/v1/messages/1/parts/1");
    assert_eq!(
        part.header("content-type"),
        Some("application/octet-stream")
    );
    let policy = part.header("content-security-policy").expect("a policy");
    assert!(policy.starts_with("sandbox;"), "{policy}");
}

#[test]
fn the_envelope_is_what_is_said_or_what_the_headers_say() {
    let (_inbox, web) = inbox();
    put_in(web, "", MAIL);
    put_in(
        web,
        "from=x@y.example&to=a%40b.example&to=c@d.example&box=red",
        MAIL,
    );
    let addresses = |id: u64| {
        let mail = get(web, &format!("/api/v1/messages/{id}")).json();
        let to = mail["envelope"]["rcpt_to"]
            .as_array()
            .expect("them")
            .clone();
        let to: Vec<_> = to.iter().map(|to| to["address"].clone()).collect();
        (
            mail["envelope"]["mail_from"].clone(),
            to,
            mail["box"].clone(),
        )
    };
    let to = vec![json!("ann@example.com"), json!("cat@example.com")];
    assert_eq!(addresses(1), (json!("shop@example.com"), to, json!("")));
    let to = vec![json!("a@b.example"), json!("c@d.example")];
    assert_eq!(addresses(2), (json!("x@y.example"), to, json!("red")));
    let found = get(web, "/api/v1/messages?box=red").json();
    assert_eq!(found["total"], 1);
}

#[test]
fn pages_of_a_list_follow_each_other() {
    let (_inbox, web) = inbox();
    for _ in 0..5 {
        put_in(web, "", MAIL);
    }
    let ids = |path: &str| -> (Vec<u64>, Value) {
        let list = get(web, path).json();
        let mails = list["messages"].as_array().expect("mails");
        let ids = mails.iter().filter_map(|mail| mail["id"].as_u64());
        (ids.collect(), list["before"].clone())
    };
    assert_eq!(ids("/api/v1/messages?limit=2"), (vec![5, 4], json!(4)));
    assert_eq!(
        ids("/api/v1/messages?limit=2&before=4"),
        (vec![3, 2], json!(2))
    );
    assert_eq!(
        ids("/api/v1/messages?limit=2&before=2"),
        (vec![1], Value::Null)
    );
    assert_eq!(ids("/api/v1/messages?after=3"), (vec![5, 4], Value::Null));
    assert_eq!(ids("/api/v1/messages?limit=0").0, Vec::<u64>::new());
}

#[test]
fn what_is_deleted_is_gone() {
    let (_inbox, web) = inbox();
    for mailbox in ["a", "b", "b", "c"] {
        put_in(web, &format!("box={mailbox}"), MAIL);
    }
    let deleted = |request: &str| change(web, request, "").json()["deleted"].clone();
    assert_eq!(deleted("DELETE /api/v1/messages/1"), 1);
    assert_eq!(change(web, "DELETE /api/v1/messages/1", "").status, 404);
    assert_eq!(get(web, "/api/v1/messages/1/raw").status, 404);
    assert_eq!(deleted("DELETE /api/v1/messages?box=b"), 2);
    assert_eq!(get(web, "/api/v1/messages").json()["total"], 1);
    assert_eq!(deleted("DELETE /api/v1/messages"), 1);
    assert_eq!(get(web, "/api/v1/messages/latest").status, 404);
    // Numbers are not used again.
    assert_eq!(put_in(web, "", MAIL), 5);
}

#[test]
fn a_mail_is_marked() {
    let (_inbox, web) = inbox();
    put_in(web, "", MAIL);
    let unread = || get(web, "/api/v1/info").json()["unread"].clone();
    assert_eq!(unread(), 1);
    let mark = |json: &str| change(web, "PATCH /api/v1/messages/1", json).status;
    assert_eq!(mark(r#"{"read": true}"#), 200);
    assert_eq!(unread(), 0);
    assert_eq!(get(web, "/api/v1/messages/1").json()["read"], true);
    assert_eq!(mark(r#"{"read": false}"#), 200);
    assert_eq!(unread(), 1);
    assert_eq!(mark(r#"{"seen": true}"#), 422);
    assert_eq!(mark("{"), 400);
}

#[test]
fn what_makes_no_sense_is_said_in_words() {
    let (_inbox, web) = inbox();
    put_in(web, "", MAIL);
    put_in(web, "", "Subject: plain\r\n\r\nHello\r\n");
    for (path, status, word) in [
        ("/api/v1/messages/0", 404, "0"),
        ("/api/v1/messages/-1", 404, "number"),
        ("/api/v1/messages/99999999999999999999", 404, "number"),
        ("/api/v1/messages/1/parts/9.9", 404, "9.9"),
        ("/api/v1/messages/2/html", 404, "HTML"),
        ("/api/v1/messages?limit=x", 400, "limit"),
        ("/api/v1/messages?subjct=x", 400, "subjct"),
        ("/api/v1/messages?taken=maybe", 400, "maybe"),
        ("/api/v1/wait?count=x", 400, "count"),
        ("/api/v1/nothing", 404, "openapi.json"),
    ] {
        let answer = get(web, path);
        assert_eq!(answer.status, status, "{path}: {answer:?}");
        let error = answer.json()["error"].as_str().expect("words").to_owned();
        assert!(error.contains(word), "{path}: {error}");
    }
    let headers = ["Host: localhost", "Content-Type: message/rfc822"];
    let none = ask(web, "POST /api/v1/messages", &headers, b"");
    assert_eq!(none.status, 400);
    let odd = ask(web, "POST /api/v1/messages?who=x", &headers, b"x");
    assert_eq!(odd.status, 400);
}

#[test]
fn bodies_have_a_limit() {
    let (_inbox, web) = inbox();
    put_in(web, "", MAIL);
    let padded = |len: usize| format!("{{\"read\": true{}}}", " ".repeat(len - 14));
    let mark = |len| change(web, "PATCH /api/v1/messages/1", &padded(len)).status;
    assert_eq!(mark(64 * 1024), 200);
    assert_eq!(mark(64 * 1024 + 1), 413);
    // A mail may be larger.
    let large = format!("{MAIL}{}", "x".repeat(200_000));
    put_in(web, "", &large);
}

#[test]
fn the_document_says_what_may_be_asked_how() {
    let (_inbox, web) = inbox();
    put_in(web, "", MAIL);
    let document = get(web, "/api/v1/openapi.json").json();
    let paths = document["paths"].as_object().expect("paths");
    for (path, methods) in paths {
        let real = path.replace("{id}", "9").replace("{path}", "9");
        for method in ["get", "post", "put", "patch", "delete"] {
            // Events do not end, and waiting takes its time.
            if method == "get" && (path.ends_with("/events") || path.ends_with("/wait")) {
                continue;
            }
            let request = format!("{} {real}", method.to_uppercase());
            let answer = change(web, &request, "[]");
            let is_there = answer.status != 405;
            assert_eq!(is_there, methods.get(method).is_some(), "{method} {path}");
        }
    }
}

#[test]
fn an_application_mounts_it() {
    let inbox = posthaste_inbox::Inbox::builder().start().expect("a port");
    let runtime = tokio::runtime::Runtime::new().expect("threads");
    let listener = runtime
        .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
        .expect("a port");
    let web = listener.local_addr().expect("an address");
    let app = axum::Router::new().nest("/dev/mail", inbox.router());
    let server = runtime.spawn(async move { axum::serve(listener, app).await });
    put_in_at(web, "/dev/mail/api/v1/messages");
    assert_eq!(get(web, "/dev/mail/api/v1/messages/1").status, 200);
    let other = ask(web, "GET /dev/mail/healthz", &["Host: evil.test"], b"");
    assert_eq!(other.status, 421);
    server.abort();
}

fn put_in_at(web: std::net::SocketAddr, path: &str) {
    let headers = ["Host: localhost", "Content-Type: message/rfc822"];
    let answer = ask(web, &format!("POST {path}"), &headers, MAIL.as_bytes());
    assert_eq!(answer.status, 201, "{answer:?}");
}

#[test]
fn faults_are_set_counted_and_taken_away() {
    let (inbox, web) = inbox();
    let rules = r#"[{"at": "rcpt", "rcpt": "gone@*", "reply": "550 5.1.1 no such user"}]"#;
    let set = change(web, "PUT /api/v1/faults", rules);
    assert_eq!(set.json()[0]["hits"], 0);
    let one = r#"{"at": "rcpt", "rcpt": "late@*", "reply": "451 4.7.1 later", "times": 1}"#;
    let added = change(web, "POST /api/v1/faults", one);
    assert_eq!(
        (added.status, added.json().as_array().map(Vec::len)),
        (201, Some(2))
    );

    let message = EmailMessage::new("Hello", "Are you there?")
        .from("shop@example.com")
        .to(["ann@example.com", "gone@example.com"]);
    let report = Mailer::new(inbox.settings()).blocking().send(&message);
    assert_eq!((report.accepted.len(), report.rejected.len()), (1, 1));
    assert_eq!(get(web, "/api/v1/faults").json()[0]["hits"], 1);
    let mail = get(web, "/api/v1/messages/latest").json();
    assert_eq!(mail["envelope"]["rcpt_to"][1]["code"], 550);

    assert_eq!(change(web, "DELETE /api/v1/faults", "").json(), json!([]));
    assert_eq!(get(web, "/api/v1/faults").json(), json!([]));
}

#[test]
fn a_fault_that_makes_no_sense_is_named() {
    let (_inbox, web) = inbox();
    for (rules, words) in [
        (
            r#"[{"at": "rcpt", "rctp": "x", "reply": "550 no"}]"#,
            "rctp",
        ),
        (r#"[{"at": "lunch"}]"#, "lunch"),
        (r#"[{"at": "end", "close": true}, {"at": "end"}]"#, "rule 2"),
        ("{}", "sequence"),
    ] {
        let answer = change(web, "PUT /api/v1/faults", rules);
        assert!(matches!(answer.status, 400 | 422), "{rules}: {answer:?}");
        let error = answer.json()["error"].as_str().expect("words").to_owned();
        assert!(error.contains(words), "{rules}: {error}");
        assert_eq!(get(web, "/api/v1/faults").json(), json!([]));
    }
}
