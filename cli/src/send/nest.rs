//! How deep a place in a JSON text is, and whether it is in a string.

/// As much of the way up is remembered; what is deeper no message has.
const REMEMBERED: usize = 128;

/// A JSON text that is being read, which may be broken.
#[derive(Debug, Default)]
pub(crate) struct Nest {
    depth: usize,
    /// The openers of the lists and objects around.
    around: Vec<u8>,
    in_string: bool,
    escaped: bool,
    broken: bool,
    /// The last octet that was neither blank nor in a string.
    last: u8,
}

impl Nest {
    /// How many lists and objects are open.
    pub(crate) fn depth(&self) -> usize {
        self.depth
    }

    /// Whether a line ended in a string, which no JSON has.
    pub(crate) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Whether an object may begin here: behind a colon, or as an entry of a list.
    pub(crate) fn may_open(&self) -> bool {
        match self.last {
            b':' => true,
            b'[' | b',' => self.depth > REMEMBERED || self.around.last() == Some(&b'['),
            _ => false,
        }
    }

    /// Reads on.
    pub(crate) fn read(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.step(byte);
        }
    }

    /// Reads on to the comma or the bracket that ends an entry of the outermost list; tells where that is.
    pub(crate) fn find_end_of_entry(&mut self, bytes: &[u8]) -> Option<usize> {
        bytes.iter().position(|&byte| {
            let ends = self.depth == 0 && !self.in_string && matches!(byte, b',' | b']');
            if !ends {
                self.step(byte);
            }
            ends
        })
    }

    fn step(&mut self, byte: u8) {
        if self.in_string {
            return self.step_in_string(byte);
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => return,
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                if self.depth < REMEMBERED {
                    self.around.push(byte);
                }
                self.depth += 1;
            }
            b'}' | b']' => {
                self.depth = self.depth.saturating_sub(1);
                self.around.truncate(self.depth);
            }
            _ => {}
        }
        self.last = byte;
    }

    fn step_in_string(&mut self, byte: u8) {
        match byte {
            // So that what comes after a forgotten quotation mark can be told apart again.
            b'\n' => {
                self.in_string = false;
                self.broken = true;
            }
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }
}
