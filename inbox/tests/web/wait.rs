//! Waiting over HTTP.

use std::thread;

use serde_json::{Value, json};

use crate::http::get;
use crate::{inbox, put_in};

const MAIL: &str =
    "From: shop@example.com\r\nTo: ann@example.com\r\nSubject: Hello\r\n\r\nHello\r\n";

fn ids(answer: &Value) -> Vec<u64> {
    let mails = answer["messages"].as_array().expect("mails");
    mails
        .iter()
        .filter_map(|mail| mail["id"].as_u64())
        .collect()
}

#[test]
fn what_is_there_already_is_given_at_once() {
    let (_inbox, web) = inbox();
    put_in(web, "", MAIL);
    put_in(web, "", MAIL);
    let answer = get(web, "/api/v1/wait?timeout_ms=0").json();
    // The newest.
    assert_eq!((ids(&answer), &answer["after"]), (vec![2], &json!(2)));
    assert_eq!(answer["messages"][0]["text"], "Hello\n");
}

#[test]
fn a_mail_that_comes_later_is_waited_for() {
    let (_inbox, web) = inbox();
    put_in(web, "", MAIL);
    let waiting =
        thread::spawn(move || get(web, "/api/v1/wait?after=1&count=2&timeout_ms=60000").json());
    put_in(web, "", MAIL);
    put_in(web, "", MAIL);
    put_in(web, "", MAIL);
    let answer = waiting.join().expect("an answer");
    assert_eq!(ids(&answer), [2, 3]);
    // Who goes on from there misses none.
    let answer = get(web, "/api/v1/wait?after=3&timeout_ms=60000").json();
    assert_eq!(ids(&answer), [4]);
}

#[test]
fn boxes_are_apart() {
    let (_inbox, web) = inbox();
    put_in(web, "box=red", MAIL);
    assert_eq!(get(web, "/api/v1/wait?box=blue&timeout_ms=0").status, 408);
    assert_eq!(get(web, "/api/v1/wait?box=red&timeout_ms=0").status, 200);
}

#[test]
fn when_the_time_is_over_it_says_what_came_instead() {
    let (_inbox, web) = inbox();
    put_in(web, "box=red", MAIL);
    put_in(web, "box=blue", MAIL);
    let answer = get(web, "/api/v1/wait?box=red&count=2&timeout_ms=1");
    assert_eq!(answer.status, 408);
    let answer = answer.json();
    assert_eq!(answer["error"], "1 of 2 came within 1 ms");
    assert_eq!(ids(&answer), [1]);
    assert_eq!(answer["others"][0]["id"], 2);
    assert_eq!(answer["others"][0]["subject"], "Hello");
    assert_eq!(answer["others"][0]["to"], json!(["ann@example.com"]));
}

#[test]
fn it_waits_for_what_is_said() {
    let (_inbox, web) = inbox();
    put_in(web, "to=ann@example.com&to=hidden@example.com", MAIL);
    put_in(
        web,
        "to=bob@example.com&from=bot@example.com",
        "Subject: Invoice 7\r\n\r\nHello\r\n",
    );
    for (what, id) in [
        ("to=ann@example.com", 1),
        // A recipient that no header names.
        ("to=hidden@example.com", 1),
        ("to=bob@example.com&subject=invoice", 2),
        ("to=*@EXAMPLE.com", 2),
        ("from=shop@example.com", 1),
        ("subject=Hello", 1),
        ("q=invoice", 2),
    ] {
        let answer = get(web, &format!("/api/v1/wait?{what}&timeout_ms=0"));
        assert_eq!(answer.status, 200, "{what}: {}", answer.text());
        assert_eq!(ids(&answer.json()), [id], "{what}");
    }
    for what in [
        "to=eve@example.com",
        "subject=Hello&to=bob@example.com",
        "to=example.co",
    ] {
        let answer = get(web, &format!("/api/v1/wait?{what}&timeout_ms=0"));
        assert_eq!(answer.status, 408, "{what}");
    }
    assert_eq!(
        get(web, "/api/v1/wait?q=nofield:x&timeout_ms=0").status,
        400
    );
    assert_eq!(
        get(web, "/api/v1/wait?subject=%22&timeout_ms=0").status,
        400
    );
}
