//! What every syntax becomes: sections with words and values, each with its place in the file.
//!
//! A syntax knows no keyword, with one exception: whether a section has a name
//! ([`super::schema::has_name`]). It does not judge either. That is for [`super::schema`].

use super::error::Place;

/// A whole file.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    /// The sections, in the order of the file.
    pub sections: Vec<Section>,
    /// What stands outside of any section.
    pub stray: Vec<Entry>,
    /// What the user wrote for people, in the order of each file.
    pub comments: Vec<Comment>,
    /// What the file says and this tree does not, in the order it was found.
    pub left_out: Vec<LeftOut>,
}

/// A comment.
#[derive(Clone, Debug)]
pub struct Comment {
    /// Its text, without the character that begins it and without white space around.
    pub text: String,
    /// Where it stands, from that character on.
    pub place: Place,
}

/// What could not be carried over from the file.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// The line as it is in the file, without passwords; of a block, its first line.
    pub text: String,
    /// Why.
    pub reason: String,
    /// Where it stands.
    pub place: Place,
}

/// `[vrrp_instance.NAME]`, `vrrp_instance NAME { }`, `config vrrp_instance 'NAME'`.
#[derive(Clone, Debug)]
pub struct Section {
    /// What kind of section.
    pub keyword: Word,
    /// Its name, if it has one.
    pub name: Option<Word>,
    /// What it says, in the order of the file.
    pub entries: Vec<Entry>,
}

/// `keyword = value`
#[derive(Clone, Debug)]
pub struct Entry {
    /// The keyword.
    pub word: Word,
    /// What it is set to.
    pub value: Value,
}

/// A piece of text of the file.
#[derive(Clone, Debug)]
pub struct Word {
    /// The text, without quotes and escapes.
    pub text: String,
    /// Where it stands, quotes included.
    pub place: Place,
}

impl Word {
    /// Its parts between white space, each with its place.
    pub fn split(&self) -> Vec<Word> {
        let start = self.text.as_ptr() as usize;
        let part = |part: &str| Word {
            text: part.into(),
            place: self.part(part.as_ptr() as usize - start, part.len()),
        };
        self.text.split_whitespace().map(part).collect()
    }

    /// The place of a part of the text. The whole place, if quotes and escapes hide where that is.
    #[must_use]
    pub fn part(&self, offset: usize, len: usize) -> Place {
        match self.place.len().checked_sub(self.text.len()) {
            Some(0) => self.place.part(offset, len),
            Some(2) => self.place.part(offset + 1, len),
            _ => self.place,
        }
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Value {
    /// What it is.
    pub data: Data,
    /// Where it stands.
    pub place: Place,
}

/// The kinds of values.
#[derive(Clone, Debug)]
pub enum Data {
    /// Words without a type, as `keepalived.conf` and UCI have them: `2` may be a number or a name,
    /// `on` a truth. No word at all is what stands behind a keyword that is a flag.
    Line(Vec<Word>),
    /// A string, and nothing else.
    Text(String),
    /// An integer.
    Integer(i64),
    /// A number that is no integer, as written but without underscores.
    Float(String),
    /// A truth.
    Bool(bool),
    /// Several values.
    List(Vec<Value>),
    /// Keywords with values of their own.
    Table(Vec<Entry>),
    /// What no keyword takes, by its name: `date`.
    Other(&'static str),
}

impl Data {
    /// What to call it in a message.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Line(_) => "words",
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Bool(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Other(kind) => kind,
        }
    }
}

impl Value {
    /// The one word it consists of: a string, or a line of one word.
    #[must_use]
    pub fn word(&self) -> Option<Word> {
        match &self.data {
            Data::Text(text) => Some(Word { text: text.clone(), place: self.place }),
            Data::Line(words) if words.len() == 1 => words.first().cloned(),
            _ => None,
        }
    }

    /// The words it consists of: those of a line, or the parts of a string.
    #[must_use]
    pub fn words(&self) -> Option<Vec<Word>> {
        match &self.data {
            Data::Text(text) => Some(Word { text: text.clone(), place: self.place }.split()),
            Data::Line(words) => Some(words.iter().flat_map(Word::split).collect()),
            _ => None,
        }
    }

    /// Its items: those of a list, or itself.
    #[must_use]
    pub fn items(&self) -> &[Self] {
        match &self.data {
            Data::List(items) => items,
            Data::Line(words) if words.is_empty() => &[],
            _ => core::slice::from_ref(self),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(text: &str, len: usize) -> Vec<(String, usize, usize)> {
        let word = Word { text: text.into(), place: Place::new(10, len) };
        word.split().into_iter().map(|w| (w.text, w.place.start(), w.place.len())).collect()
    }

    #[test]
    fn parts_of_a_word_have_their_own_place() {
        let part = |text: &str, start, len| (text.to_string(), start, len);
        assert_eq!(places("ab  c", 5), [part("ab", 10, 2), part("c", 14, 1)]);
        assert_eq!(places("ab  c", 7), [part("ab", 11, 2), part("c", 15, 1)]);
        // Escapes: nobody knows where the parts are.
        assert_eq!(places("ab c", 9), [part("ab", 10, 9), part("c", 10, 9)]);
    }
}
