//! Airship's Real-Time Data Streaming, as a server in the test: what it answers is a function of the test.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

/// The server. It answers until the test ends.
#[derive(Debug)]
pub struct Rtds {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// A request for the stream.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Request {
    /// How many requests came before it.
    pub number: usize,
    /// The method and the path.
    pub line: String,
    /// The headers, with names in lower case.
    pub headers: BTreeMap<String, String>,
    /// The body.
    pub body: Value,
}

impl Request {
    /// A header; empty if it is missing.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// The offset after which the stream must begin.
    #[must_use]
    pub fn resume_offset(&self) -> Option<&str> {
        self.body["resume_offset"].as_str()
    }
}

/// The connection of a request, before it is answered.
#[derive(Debug)]
pub struct Reply {
    stream: TcpStream,
}

/// How the body is encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// Not at all.
    Plain,
    /// As one member of gzip, flushed after each part.
    Flushed,
    /// As one member of gzip a part.
    Members,
}

/// An answer that is being sent.
#[derive(Debug)]
pub struct Streaming {
    stream: TcpStream,
    coding: Coding,
    gzip: GzEncoder<Vec<u8>>,
}

impl Rtds {
    /// Starts on a free port. `answer` is called for each request, on a thread of its own; its errors are those of a client
    /// that has gone.
    ///
    /// # Errors
    /// If there is no port.
    pub fn start(answer: impl Fn(Request, Reply) -> io::Result<()> + Send + Sync + 'static) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").context("a port")?;
        let address = listener.local_addr().context("a port")?;
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen) = (Arc::new(answer), requests.clone());
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answer, seen) = (answer.clone(), seen.clone());
                thread::spawn(move || {
                    let mut request = read(&stream)?;
                    {
                        let mut seen = lock(&seen);
                        request.number = seen.len();
                        seen.push(request.clone());
                    }
                    answer(request, Reply { stream })
                });
            }
        });
        Ok(Self { address, requests })
    }

    /// The URL of the stream.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/api/events", self.address)
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.requests).clone()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read(stream: &TcpStream) -> io::Result<Request> {
    let mut from = BufReader::new(stream);
    let mut request = Request::default();
    from.read_line(&mut request.line)?;
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        request.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    let length = request.header("content-length").parse().unwrap_or(0);
    let mut body = vec![0; length];
    from.read_exact(&mut body)?;
    request.body = serde_json::from_slice(&body)?;
    Ok(request)
}

impl Reply {
    /// Answers with a status and a short body.
    ///
    /// # Errors
    /// If the client has gone.
    pub fn status(mut self, status: u16, headers: &[(&str, &str)], body: &str) -> io::Result<()> {
        let mut head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n", body.len());
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        self.stream.write_all(format!("{head}\r\n{body}").as_bytes())
    }

    /// Begins a stream. `encoding` is the header, which may be missing.
    ///
    /// # Errors
    /// If the client has gone.
    pub fn stream(mut self, coding: Coding, encoding: Option<&str>) -> io::Result<Streaming> {
        let mut head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n".to_owned();
        if let Some(encoding) = encoding {
            head.push_str(&format!("Content-Encoding: {encoding}\r\n"));
        }
        self.stream.set_nodelay(true)?;
        self.stream.write_all(format!("{head}\r\n").as_bytes())?;
        Ok(Streaming { stream: self.stream, coding, gzip: encoder() })
    }

    /// Begins a stream in gzip, as Airship does.
    ///
    /// # Errors
    /// If the client has gone.
    pub fn gzip(self) -> io::Result<Streaming> {
        self.stream(Coding::Flushed, Some("gzip"))
    }

    /// Does not answer.
    ///
    /// # Errors
    /// Never; the connection is kept until the client closes it.
    pub fn silent(self) -> io::Result<()> {
        wait_for_the_end(self.stream)
    }
}

fn encoder() -> GzEncoder<Vec<u8>> {
    GzEncoder::new(Vec::new(), Compression::fast())
}

fn wait_for_the_end(mut stream: TcpStream) -> io::Result<()> {
    io::copy(&mut stream, &mut io::sink()).map(drop)
}

impl Streaming {
    /// Sends text as one part, so that it can be decoded without what follows.
    ///
    /// # Errors
    /// If the client has gone.
    pub fn send(&mut self, text: &str) -> io::Result<()> {
        let bytes = self.encoded(text)?;
        self.raw(&bytes)
    }

    /// Sends text in pieces of some bytes each.
    ///
    /// # Errors
    /// If the client has gone.
    pub fn send_split(&mut self, text: &str, bytes: usize) -> io::Result<()> {
        let encoded = self.encoded(text)?;
        encoded.chunks(bytes).try_for_each(|piece| self.raw(piece))
    }

    fn encoded(&mut self, text: &str) -> io::Result<Vec<u8>> {
        match self.coding {
            Coding::Plain => return Ok(text.as_bytes().to_vec()),
            Coding::Flushed => {
                self.gzip.write_all(text.as_bytes())?;
                self.gzip.flush()?;
            }
            Coding::Members => {
                self.gzip.write_all(text.as_bytes())?;
                return std::mem::replace(&mut self.gzip, encoder()).finish();
            }
        }
        Ok(std::mem::take(self.gzip.get_mut()))
    }

    /// Sends bytes that are encoded already, or damaged.
    ///
    /// # Errors
    /// If the client has gone.
    pub fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut chunk = format!("{:x}\r\n", bytes.len()).into_bytes();
        chunk.extend_from_slice(bytes);
        chunk.extend_from_slice(b"\r\n");
        self.stream.write_all(&chunk)
    }

    /// Sends nothing more, and waits until the client closes the connection.
    ///
    /// # Errors
    /// Never.
    pub fn hold(self) -> io::Result<()> {
        wait_for_the_end(self.stream)
    }

    /// Ends the answer as a server does. Dropping it breaks the connection instead.
    ///
    /// # Errors
    /// If the client has gone.
    pub fn finish(mut self) -> io::Result<()> {
        self.stream.write_all(b"0\r\n\r\n")
    }
}
