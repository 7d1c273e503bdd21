//! Charsets of texts.

use std::borrow::Cow;

use encoding_rs::{EncoderResult, Encoding, ISO_2022_JP, UTF_8};

use crate::error::RenderError;

/// A charset that texts can be written in.
#[derive(Clone, Copy)]
pub(crate) struct Charset<'a> {
    /// The name to declare.
    pub(crate) name: &'a str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Utf8,
    Ascii,
    Latin1,
    Other(&'static Encoding),
}

impl<'a> Charset<'a> {
    /// UTF-8 under its usual name.
    pub(crate) const UTF_8: Self = Self {
        name: "utf-8",
        kind: Kind::Utf8,
    };

    /// The charset of that name. The name is declared as it was given, but for some that only
    /// programming languages know.
    pub(crate) fn find(label: &'a str) -> Result<Self, RenderError> {
        if label == "utf-8" {
            return Ok(Self::UTF_8);
        }
        let is = |names: &[&str]| names.iter().any(|name| name.eq_ignore_ascii_case(label));
        let found = |name, kind| Ok(Self { name, kind });
        if is(&["utf8"]) {
            return Ok(Self::UTF_8);
        }
        if is(&["us-ascii", "ascii"]) {
            return found(spelled(label, "us-ascii"), Kind::Ascii);
        }
        if is(&[
            "iso-8859-1",
            "iso8859-1",
            "iso_8859-1",
            "latin-1",
            "latin1",
            "l1",
        ]) {
            return found(spelled(label, "iso-8859-1"), Kind::Latin1);
        }
        // The lookup drops blanks around the label, which must not get into a header.
        let plain = label.bytes().all(|byte| byte.is_ascii_graphic());
        match Encoding::for_label(label.as_bytes()) {
            Some(encoding) if plain && encoding == UTF_8 => found(label, Kind::Utf8),
            // Those that the WHATWG only reads, such as UTF-16, are no charsets for mail either.
            Some(encoding) if plain && encoding.output_encoding() == encoding => {
                found(label, Kind::Other(encoding))
            }
            _ => {
                let what = format!("\"{label}\" is unknown; expected such as utf-8, iso-8859-1");
                Err(RenderError::new("charset", what))
            }
        }
    }

    /// The same charset under the name that is always there: the one that the standard has for
    /// it if it was not given in the message.
    pub(crate) fn detached(self) -> Charset<'static> {
        let name = match self.kind {
            Kind::Utf8 => Charset::UTF_8.name,
            Kind::Ascii => "us-ascii",
            Kind::Latin1 => "iso-8859-1",
            Kind::Other(encoding) => encoding.name(),
        };
        Charset {
            name,
            kind: self.kind,
        }
    }

    /// Whether texts in this charset have escape characters in 7-bit lines.
    pub(crate) fn has_escapes(self) -> bool {
        self.kind == Kind::Other(ISO_2022_JP)
    }

    /// The text in this charset. `field` is the text's place.
    pub(crate) fn encode<'t>(
        self,
        field: impl FnOnce() -> String,
        text: &'t str,
    ) -> Result<Cow<'t, [u8]>, RenderError> {
        let wrong = |c: char| {
            let what = format!(
                "has '{c}' (U+{:04X}), which {} cannot hold; use utf-8",
                u32::from(c),
                self.name
            );
            RenderError::new(field(), what)
        };
        match self.kind {
            Kind::Utf8 => Ok(Cow::Borrowed(text.as_bytes())),
            Kind::Ascii | Kind::Latin1 if text.is_ascii() => Ok(Cow::Borrowed(text.as_bytes())),
            Kind::Ascii => {
                let beyond = text.chars().find(|c| !c.is_ascii());
                Err(wrong(beyond.unwrap_or_default()))
            }
            Kind::Latin1 => {
                let narrow = |c| u8::try_from(c).map_err(|_| c);
                let bytes: Result<Vec<u8>, char> = text.chars().map(narrow).collect();
                bytes.map(Cow::Owned).map_err(wrong)
            }
            Kind::Other(encoding) => encode(encoding, text).map(Cow::Owned).map_err(wrong),
        }
    }
}

/// `label`, or the `proper` name if the label is none that mail programs know.
fn spelled<'a>(label: &'a str, proper: &'a str) -> &'a str {
    if label.eq_ignore_ascii_case(proper) {
        label
    } else {
        proper
    }
}

/// Encodes the text, or gives the first character that cannot be.
fn encode(encoding: &'static Encoding, text: &str) -> Result<Vec<u8>, char> {
    let mut encoder = encoding.new_encoder();
    let mut out = Vec::new();
    let mut rest = text;
    loop {
        let room = encoder.max_buffer_length_from_utf8_without_replacement(rest.len());
        out.reserve(room.unwrap_or(rest.len()).max(16));
        let (result, read) =
            encoder.encode_from_utf8_to_vec_without_replacement(rest, &mut out, true);
        rest = rest.get(read..).unwrap_or_default();
        match result {
            EncoderResult::InputEmpty => return Ok(out),
            EncoderResult::OutputFull => {}
            EncoderResult::Unmappable(c) => return Err(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(label: &str, text: &str) -> Result<Vec<u8>, RenderError> {
        let charset = Charset::find(label)?;
        charset
            .encode(|| "body".to_owned(), text)
            .map(Cow::into_owned)
    }

    #[test]
    fn the_charset_decides_the_bytes() {
        assert_eq!(bytes("UTF-8", "ö").unwrap(), "ö".as_bytes());
        assert_eq!(bytes("latin1", "ö").unwrap(), [0xf6]);
        assert_eq!(bytes("koi8-r", "Привет").unwrap().len(), 6);
        assert!(bytes("iso-2022-jp", "日本").unwrap().is_ascii());
        assert_eq!(bytes("ascii", "x").unwrap(), b"x");
    }

    #[test]
    fn what_does_not_fit_is_an_error_at_the_text() {
        for (label, text) in [("us-ascii", "ö"), ("iso-8859-1", "€"), ("koi8-r", "日")] {
            assert_eq!(bytes(label, text).unwrap_err().field(), "body", "{label}");
        }
    }

    #[test]
    fn unknown_and_unwritable_charsets_are_errors() {
        for label in [
            "",
            "nix",
            "utf-16",
            " utf-8",
            "utf-8\n",
            "replacement",
            "koi8-r\r\n",
        ] {
            assert_eq!(
                bytes(label, "x").unwrap_err().field(),
                "charset",
                "{label:?}"
            );
        }
    }

    #[test]
    fn names_are_spelled_as_given() {
        for (label, name) in [
            ("UTF-8", "UTF-8"),
            ("utf8", "utf-8"),
            ("latin-1", "iso-8859-1"),
            ("ISO-8859-1", "ISO-8859-1"),
            ("ascii", "us-ascii"),
            ("koi8-r", "koi8-r"),
        ] {
            assert_eq!(Charset::find(label).unwrap().name, name);
        }
    }
}
