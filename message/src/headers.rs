//! The extra headers of a message or of one of its parts.

use std::collections::HashMap;

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::json::{self, Json};

/// Header names and values in the order in which they were given.
///
/// Nothing is checked here: a name or value that may not stand in a header is refused when
/// the message is rendered.
///
/// ```
/// use posthaste_message::Headers;
///
/// let mut headers = Headers::from([("X-Tag", "one")]);
/// headers.push("X-Tag", "two");
/// assert_eq!(headers.get("x-tag"), Some("one"));
/// assert_eq!(headers.len(), 2);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers {
    fields: Vec<(String, String)>,
}

impl Headers {
    /// No headers.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header after the others; one of the same name stays.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.fields.push((name.into(), value.into()));
    }

    /// The first value of that name; upper and lower case are the same.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter()
            .find(|(other, _)| other.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }

    /// All names and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.fields
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many headers there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Drops all headers of that name, whatever their case; tells whether there were any.
    pub fn remove(&mut self, name: &str) -> bool {
        let before = self.fields.len();
        self.fields
            .retain(|(other, _)| !other.eq_ignore_ascii_case(name));
        self.fields.len() < before
    }
}

impl<N: Into<String>, V: Into<String>> FromIterator<(N, V)> for Headers {
    fn from_iter<I: IntoIterator<Item = (N, V)>>(fields: I) -> Self {
        let mut headers = Self::new();
        headers.extend(fields);
        headers
    }
}

impl<N: Into<String>, V: Into<String>> Extend<(N, V)> for Headers {
    fn extend<I: IntoIterator<Item = (N, V)>>(&mut self, fields: I) {
        for (name, value) in fields {
            self.push(name, value);
        }
    }
}

impl<N: Into<String>, V: Into<String>, const L: usize> From<[(N, V); L]> for Headers {
    fn from(fields: [(N, V); L]) -> Self {
        fields.into_iter().collect()
    }
}

/// A map; a name that stands more than once has a list of values.
impl Serialize for Headers {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut places: HashMap<&str, usize> = HashMap::with_capacity(self.len());
        let mut grouped: Vec<(&str, Vec<&str>)> = Vec::with_capacity(self.len());
        for (name, value) in self.iter() {
            let place = *places.entry(name).or_insert(grouped.len());
            match grouped.get_mut(place) {
                Some((_, values)) => values.push(value),
                None => grouped.push((name, vec![value])),
            }
        }
        let mut map = serializer.serialize_map(Some(grouped.len()))?;
        for (name, values) in grouped {
            match values.as_slice() {
                [value] => map.serialize_entry(name, value)?,
                _ => map.serialize_entry(name, &values)?,
            }
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Json::deserialize(deserializer)?;
        json::headers("headers", value).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_keeps_order_and_repetition() {
        let text = r#"{"X-B":"1","X-A":["2","3"],"Date":""}"#;
        let headers: Headers = serde_json::from_str(text).unwrap();
        assert_eq!(headers.len(), 4);
        assert_eq!(serde_json::to_string(&headers).unwrap(), text);
    }

    #[test]
    fn names_are_found_and_removed_in_any_case() {
        let mut headers: Headers = [("X-A", "1"), ("x-a", "2"), ("B", "3")].into();
        assert_eq!(headers.get("X-a"), Some("1"));
        assert!(headers.remove("X-A"));
        assert!(!headers.remove("X-A"));
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("B", "3")]);
        assert!(!headers.is_empty());
    }
}
