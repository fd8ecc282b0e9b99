//! A running `convofold serve`, and a client for it.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// Time within which a server starts and a request is answered, on any machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A running server. It is killed when this is dropped.
#[derive(Debug)]
pub struct Serving {
    child: Child,
    address: SocketAddr,
    log: Option<JoinHandle<Vec<String>>>,
}

impl Serving {
    /// Runs `convofold serve` with the arguments that the command has already, on a free port, and waits until it listens.
    ///
    /// # Errors
    /// If it does not start; the error contains its log.
    pub fn start(mut command: Command) -> Result<Self> {
        command.args(["--listen", "127.0.0.1:0", "--log", "json"]).stderr(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("starting {command:?}"))?;
        let stderr = child.stderr.take().context("the pipe to the log")?;
        let (found, address) = mpsc::channel();
        let log = thread::spawn(move || {
            let mut log = Vec::new();
            for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                let entry: Value = serde_json::from_str(&line).unwrap_or_default();
                if let Some(address) = entry["address"].as_str().and_then(|address| address.parse().ok()) {
                    let _ = found.send(address);
                }
                log.push(line);
            }
            log
        });
        if let Ok(address) = address.recv_timeout(PATIENCE) {
            return Ok(Self { child, address, log: Some(log) });
        }
        let _ = child.kill();
        let ended = child.wait().context("waiting for the end")?;
        bail!("the server does not start, {ended}: {:?}", log.join().unwrap_or_default());
    }

    /// The address on which it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, for `--db`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The process.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A client with a connection of its own.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Sends SIGTERM and returns how it ended, and its log.
    ///
    /// # Errors
    /// If the signal cannot be sent.
    pub fn terminate(mut self) -> Result<(ExitStatus, Vec<String>)> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).context("sending SIGTERM")?;
        let ended = self.child.wait().context("waiting for the end")?;
        let log = self.log.take().and_then(|log| log.join().ok());
        Ok((ended, log.unwrap_or_default()))
    }

    /// Kills it, as a crash would.
    ///
    /// # Errors
    /// If it cannot be killed.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().context("killing")?;
        self.child.wait().context("waiting for the end")?;
        Ok(())
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

/// A client that keeps its connection, as webhook senders do.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

impl Client {
    /// A client that opens its connection with the first request.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends a request and returns the status and the body of the response.
    ///
    /// # Errors
    /// If the connection breaks before the end of the response. The next request opens a new one.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<(u16, Vec<u8>)> {
        // Taken, so that a broken connection is not used again.
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => {
                let stream = TcpStream::connect(self.address)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                BufReader::new(stream)
            }
        };
        let mut request = format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n", body.len());
        for (name, value) in headers {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        let request = [request.as_bytes(), b"\r\n", body].concat();
        stream.get_mut().write_all(&request)?;
        let response = response(&mut stream)?;
        self.stream = Some(stream);
        Ok(response)
    }
}

/// Reads a response with a length, or in chunks.
fn response(from: &mut impl BufRead) -> io::Result<(u16, Vec<u8>)> {
    let broken = |what: &str| io::Error::new(io::ErrorKind::UnexpectedEof, what.to_owned());
    let mut line = String::new();
    from.read_line(&mut line)?;
    let status = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| broken("no status"))?;
    // An answer without a body has no length.
    let mut length = (status == 204).then_some(0);
    let mut is_chunked = false;
    loop {
        line.clear();
        from.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        if name == "content-length" {
            length = value.parse().ok();
        }
        is_chunked |= name == "transfer-encoding" && value == "chunked";
    }
    if line != "\r\n" {
        return Err(broken("an incomplete header"));
    }
    if is_chunked {
        return Ok((status, chunks(from)?));
    }
    let mut body = vec![0; length.ok_or_else(|| broken("no length"))?];
    from.read_exact(&mut body)?;
    Ok((status, body))
}

/// Reads a body in chunks up to its end, without its trailers.
fn chunks(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        if length == 0 {
            while from.read_line(&mut line)? > 2 {}
            return Ok(body);
        }
        let mut chunk = vec![0; length + 2];
        from.read_exact(&mut chunk)?;
        body.extend_from_slice(chunk.get(..length).unwrap_or_default());
    }
}
