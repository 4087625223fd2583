//! Asks the daemon.

use super::call::Call;
use super::node::{parse, Node};
use crate::exit::{self, Failure};
use crate::json::{self, Value};
use std::io::{self, BufRead, BufReader, ErrorKind, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// So long a daemon may take for what it need not wait for.
const PATIENCE: Duration = Duration::from_secs(10);
/// The daemon's word for: what you have read is not so any more.
const AGAIN: u8 = 75;
/// So often it is asked again then.
const TIMES: usize = 5;

/// What is answered, line by line.
pub struct Answers {
    lines: BufReader<UnixStream>,
}

impl Call {
    /// Asks for something. `waits`: the answer may take its time.
    ///
    /// # Errors
    /// Nobody answers.
    pub fn ask(&self, words: &[&str], waits: bool) -> Result<Answers, Failure> {
        let mut stream = UnixStream::connect(&self.socket).map_err(|error| self.nobody(&error))?;
        let patience = (!waits).then_some(PATIENCE);
        let mut line = String::new();
        for word in words {
            match word.is_empty() || word.contains(|c: char| c.is_whitespace() || c == '"') {
                true => json::write(&mut line, Value::Text(word)),
                false => line.push_str(word),
            }
            line.push(' ');
        }
        line.push('\n');
        stream
            .set_read_timeout(patience)
            .and_then(|()| stream.write_all(line.as_bytes()))
            .map_err(|error| self.nobody(&error))?;
        Ok(Answers { lines: BufReader::new(stream) })
    }

    /// Asks for something that is answered in one line.
    ///
    /// # Errors
    /// Nobody answers, or what the daemon says is wrong.
    pub fn ask_line(&self, words: &[&str], waits: bool) -> Result<String, Failure> {
        for _ in 0..TIMES {
            let mut answers = self.ask(words, waits)?;
            let line = answers.next_line()?;
            match answers.next_line() {
                // What came before is cut off.
                Err(failure) if failure.code == AGAIN => continue,
                Err(failure) => return Err(failure),
                Ok(_) => {}
            }
            if let Some(line) = line {
                return Ok(line);
            }
            return Err(Failure::new(exit::UNAVAILABLE, "vipd has ended without an answer"));
        }
        let message = "the configuration is reloaded again and again: no answer was complete";
        Err(Failure::new(exit::UNAVAILABLE, message))
    }

    fn nobody(&self, error: &io::Error) -> Failure {
        let socket = self.socket.display();
        let (code, why) = match error.kind() {
            ErrorKind::NotFound => (exit::UNAVAILABLE, "no daemon has made it: is vipd running?"),
            ErrorKind::ConnectionRefused => {
                (exit::UNAVAILABLE, "its daemon has ended: is vipd running?")
            }
            ErrorKind::PermissionDenied => {
                (exit::NOPERM, "only root and members of socket_group may")
            }
            _ => (exit::UNAVAILABLE, ""),
        };
        let why = if why.is_empty() { error.to_string() } else { why.to_owned() };
        Failure::new(code, format!("cannot reach vipd at {socket}: {why}"))
    }
}

impl AsFd for Answers {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.lines.get_ref().as_fd()
    }
}

impl Answers {
    /// Whether a whole line has come that was not asked for yet.
    #[must_use]
    pub fn has_more(&self) -> bool {
        self.lines.buffer().contains(&b'\n')
    }

    /// The next line; `None` if there is none any more.
    ///
    /// # Errors
    /// The daemon says that something is wrong, or says nothing.
    pub fn next_line(&mut self) -> Result<Option<String>, Failure> {
        let mut line = String::new();
        match self.lines.read_line(&mut line) {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                return Err(Failure::new(
                    exit::UNAVAILABLE,
                    "vipd does not answer: is it stopped?",
                ));
            }
            // It has gone: there is nothing more.
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(None),
            Err(error) => {
                return Err(Failure::new(exit::OSERR, format!("cannot read the answer: {error}")));
            }
        }
        let line = line.trim_end();
        if line.starts_with("{\"error\":") {
            let value = parse(line)?;
            let error = Node::new(&value).at("error");
            let code = u8::try_from(error.at("code").integer()).unwrap_or(exit::OSERR);
            return Err(Failure::new(code, error.at("message").text()));
        }
        Ok(Some(line.to_owned()))
    }
}
