//! RFC 2047 encoded words: text beyond ASCII in headers.

use encodify::rfc2047::{B, EncodedWord, Q_PHRASE};
use encoding_rs::Encoding;

use super::fold::{Folder, LONGEST_BLANK, LONGEST_WORD};
use super::is_forbidden;

/// The longest encoded word.
const LONGEST: usize = 75;

const START: &str = "=?utf-8?";
/// What an encoded word has around its payload: `=?utf-8?q?` and `?=`.
const AROUND: usize = START.len() + 4;

/// The least room for a payload worth starting a word in: any character fits in it.
const LEAST: usize = 12;

/// The text of an encoded word, if `word` is a well-formed one, in a charset that is known,
/// and holds clean text.
pub(crate) fn decode_word(word: &str) -> Option<String> {
    if word.len() > LONGEST || !word.starts_with("=?") || word.contains(' ') {
        return None;
    }
    let (parsed, length) = EncodedWord::parse(word.as_bytes())?;
    if length != word.len() {
        return None;
    }
    let encoding = Encoding::for_label(parsed.charset)?;
    if !encoding.is_ascii_compatible() {
        // Their meaning depends on the words before; UTF-16 is no charset for mail.
        return None;
    }
    let octets = parsed.decode().ok()?;
    let text = encoding.decode_without_bom_handling_and_without_replacement(&octets)?;
    if text.chars().any(is_forbidden) {
        return None;
    }
    Some(text.into_owned())
}

/// Whether a reader might take a part of `text` for an encoded word.
pub(crate) fn looks_encoded(text: &str) -> bool {
    text.find("=?")
        .is_some_and(|start| text[start + 2..].contains("?="))
}

/// How a word of a text is to be written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// As it is.
    Plain,
    /// As it is, being an encoded word already.
    Given,
    /// Encoded.
    Encoded,
}

/// A word with the blanks before it. Only the last word of a text may be empty.
#[derive(Clone, Copy)]
struct Piece<'a> {
    blank: &'a str,
    word: &'a str,
    kind: Kind,
}

/// Writes free text: plain words as they are, the others as encoded words. The text must
/// hold no controls but tabs.
pub(crate) fn write_text(folder: &mut Folder<'_>, text: &str) {
    let mut pieces = split(text);
    mark(&mut pieces);
    let mut rest = pieces.as_slice();
    let mut before = None;
    while let Some(piece) = rest.first() {
        let mut count = 1;
        if piece.kind == Kind::Encoded {
            count = rest.iter().take_while(|p| p.kind == Kind::Encoded).count();
        }
        let (run, after) = rest.split_at(count);
        match piece.kind {
            Kind::Encoded => write_run(folder, run, before, after.first()),
            _ => write_plain(folder, piece, before),
        }
        before = Some(piece.kind);
        rest = after;
    }
}

/// `text` in words.
fn split(text: &str) -> Vec<Piece<'_>> {
    let is_blank = |c| c == ' ' || c == '\t';
    let mut pieces = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let word = rest.trim_start_matches(is_blank);
        let (blank, _) = rest.split_at(rest.len() - word.len());
        let (word, after) = word.split_at(word.find(is_blank).unwrap_or(word.len()));
        pieces.push(Piece {
            blank,
            word,
            kind: Kind::Plain,
        });
        rest = after;
    }
    pieces
}

/// Says of each piece how it is to be written.
fn mark(pieces: &mut [Piece<'_>]) {
    // Where in the text the last "?=" ends tells whether a "=?" may start an encoded word.
    let last_end = pieces.iter().rposition(|piece| piece.word.contains("?="));
    for (index, piece) in pieces.iter_mut().enumerate() {
        let suspect = last_end.is_some_and(|end| index <= end) && piece.word.contains("=?");
        piece.kind = if suspect && decode_word(piece.word).is_some() {
            Kind::Given
        } else if suspect
            || !piece.word.is_ascii()
            || piece.blank.len() + piece.word.len() > LONGEST_WORD
        {
            Kind::Encoded
        } else {
            Kind::Plain
        };
    }
    // Long runs of blanks go into encoded words, with the words on both sides.
    for index in 0..pieces.len() {
        if pieces[index].blank.len() > LONGEST_BLANK {
            pieces[index].kind = Kind::Encoded;
            if index > 0 {
                pieces[index - 1].kind = Kind::Encoded;
            }
        }
    }
    // Blanks at the end are a piece of their own, and go where the last word goes.
    if let [.., last_word, end] = pieces
        && end.word.is_empty()
    {
        let too_long = last_word.word.len() + 2 * LONGEST_BLANK > LONGEST_WORD;
        if last_word.kind == Kind::Encoded || too_long {
            last_word.kind = Kind::Encoded;
            end.kind = Kind::Encoded;
        }
    }
}

/// Writes a word as it is, or the blanks at the end.
fn write_plain(folder: &mut Folder<'_>, piece: &Piece<'_>, before: Option<Kind>) {
    if piece.word.is_empty() {
        // No break here: a line of blanks alone would end the header for some readers.
        folder.push(piece.blank);
        return;
    }
    match (before, piece.kind) {
        (None, _) => folder.word(&format!(" {}", piece.blank), piece.word),
        // The blank is inside the encoded words before.
        (Some(Kind::Encoded), Kind::Given) => folder.word(" ", piece.word),
        _ => folder.word(piece.blank, piece.word),
    }
}

/// Writes neighbouring words that need encoding as one text. Readers drop the blank between
/// two encoded words: it must be in one of them. So must blanks at the very start.
fn write_run(
    folder: &mut Folder<'_>,
    run: &[Piece<'_>],
    before: Option<Kind>,
    after: Option<&Piece<'_>>,
) {
    let mut text = String::new();
    let mut blank = " ";
    for (index, piece) in run.iter().enumerate() {
        if index == 0 && before == Some(Kind::Plain) {
            blank = piece.blank;
        } else {
            text.push_str(piece.blank);
        }
        text.push_str(piece.word);
    }
    if let Some(next) = after.filter(|next| next.kind == Kind::Given) {
        text.push_str(next.blank);
    }
    write_words(folder, blank, &text);
}

/// Writes `text` as encoded words, the first of them after `blank`, which is not empty.
pub(crate) fn write_words(folder: &mut Folder<'_>, blank: &str, text: &str) {
    let mut blank = blank;
    let mut rest = text;
    let mut word = String::with_capacity(LONGEST);
    while !rest.is_empty() {
        if folder.room() < blank.len() + AROUND + LEAST {
            folder.new_line();
        }
        let budget = (folder.room() - blank.len()).min(LONGEST) - AROUND;
        word.clear();
        let taken = encode_word(rest, budget, &mut word);
        folder.encoded(blank, &word);
        rest = rest.get(taken..).unwrap_or_default();
        blank = " ";
    }
}

/// Writes the longest start of `text` that fits into one encoded word with `budget` octets
/// of payload, as Q or as B, whichever holds more or is shorter; returns its length.
fn encode_word(text: &str, budget: usize, out: &mut String) -> usize {
    let (q_taken, q_cost) = q_fit(text, budget);
    let (b_taken, b_cost) = b_fit(text, budget);
    let q = q_taken > b_taken || (q_taken == b_taken && q_cost <= b_cost);
    let (encoder, letter, taken) = if q {
        (Q_PHRASE, "q?", q_taken)
    } else {
        (B, "b?", b_taken)
    };
    out.push_str(START);
    out.push_str(letter);
    let taken = encoder.encode_payload(text.get(..taken).unwrap_or_default(), budget, out);
    out.push_str("?=");
    taken
}

/// How much of `text` fits into `budget` octets of Q, and its cost.
fn q_fit(text: &str, budget: usize) -> (usize, usize) {
    let (mut taken, mut cost) = (0, 0);
    for c in text.chars() {
        let plain = c.is_ascii_alphanumeric() || matches!(c, ' ' | '!' | '*' | '+' | '-' | '/');
        let more = if plain { 1 } else { 3 * c.len_utf8() };
        if cost + more > budget {
            break;
        }
        taken += c.len_utf8();
        cost += more;
    }
    (taken, cost)
}

/// How much of `text` fits into `budget` octets of base64, and its cost.
fn b_fit(text: &str, budget: usize) -> (usize, usize) {
    let mut taken = (budget / 4 * 3).min(text.len());
    while !text.is_char_boundary(taken) {
        taken -= 1;
    }
    (taken, taken.div_ceil(3) * 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use encodify::rfc2047::{decode_text, utf8_charset};
    use proptest::prelude::*;

    #[test]
    fn only_clean_words_are_decoded() {
        for (word, text) in [
            ("=?utf-8?q?caf=C3=A9_x?=", "café x"),
            ("=?UTF-8*fr?B?w6k=?=", "é"),
            ("=?windows-1252?q?=80?=", "€"),
        ] {
            assert_eq!(decode_word(word).as_deref(), Some(text));
        }
        let long = format!("=?utf-8?q?{}?=", "x".repeat(64));
        for word in [
            "",
            "=?",
            "=?=",
            "x",
            "=?utf-8?q?x",
            "=?utf-8?x?x?=",
            "=??q?x?=",
            "=?nope?q?x?=",
            "=?utf-7?q?+AAo-?=",
            "=?utf-16?b?AAo=?=",
            "=?iso-2022-kr?q?x?=",
            "=?utf-8?q?=C3?=",
            "=?utf-8?b?*?=",
            "=?utf-8?q?=0D=0A?=",
            "=?utf-8?q?=00?=",
            "=?utf-8?q?=7F?=",
            "=?utf-8?q?=E2=80=A8?=",
            "=?iso-8859-1?q?=0A?=",
            "=?utf-8?q?x?=y",
            "y=?utf-8?q?x?=",
            "=?utf-8?b?Cg==?=",
            "=?utf-8?q?=C2=85?=",
            "=?utf-8?q?a b?=",
            "=?utf-8?q?=ZZ?=",
            &long,
        ] {
            assert_eq!(decode_word(word), None, "{word}");
        }
    }

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        let mut folder = Folder::new(&mut out, "X");
        write_text(&mut folder, text);
        folder.finish();
        String::from_utf8(out).unwrap()
    }

    proptest! {
        #[test]
        fn given_words_keep_their_meaning(pieces in prop::collection::vec(
            prop::sample::select(vec!["=?utf-8?q?x_y?=", "=?utf-8?b?w6k=?=", "é", "日本", "abc", "a=b?", ""]), 0..9,
        )) {
            let text = pieces.join(" ");
            let out = written(&text);
            let value = out.trim_end_matches("\r\n").strip_prefix("X:").unwrap().replace("\r\n", "");
            let read = decode_text(value.as_bytes(), utf8_charset);
            let meant = decode_text(text.as_bytes(), utf8_charset);
            prop_assert_eq!(read.trim(), meant.trim(), "{}", out);
        }

        #[test]
        fn words_are_short_and_whole(text in "\\PC{1,200}", name in 1..70_usize) {
            let mut out = Vec::new();
            let mut folder = Folder::new(&mut out, &"n".repeat(name));
            write_words(&mut folder, " ", &text);
            folder.finish();
            let out = String::from_utf8(out).unwrap();
            let mut all = String::new();
            for word in out.get(name + 1..).unwrap().split_whitespace() {
                prop_assert!(word.len() <= LONGEST);
                let (word, _) = EncodedWord::parse(word.as_bytes()).unwrap();
                // Each word by itself is UTF-8.
                all.push_str(&String::from_utf8(word.decode().unwrap()).unwrap());
            }
            prop_assert_eq!(all, text);
            prop_assert!(out.split("\r\n").all(|line| line.len() <= 76));
        }
    }
}
