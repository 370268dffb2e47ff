//! A hub on this machine, with faults.
//!
//! It answers what the Hugging Face hub answers to the requests that a download takes: the list of the files
//! of a model at a revision, with lengths and checksums, and the files themselves, whole or in part. Faults
//! are queued and strike the next requests whose address holds a given text.

mod model;
mod request;

use std::fmt::Write as _;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use self::model::Model;
pub use self::request::HubRequest;

/// How long a stalled answer holds its connection, unless the server ends before.
const STALL: Duration = Duration::from_secs(20);

/// What goes wrong with one answer.
#[derive(Debug, Clone)]
pub enum HubFault {
    /// This status, with these headers.
    Status(u16, Vec<(&'static str, String)>),
    /// The connection ends after so many bytes of the body.
    Cut(usize),
    /// Nothing comes after so many bytes of the body.
    Stall(usize),
    /// The last byte of the body is another one.
    Corrupt,
    /// The body is announced with this length.
    Announce(u64),
    /// The body is this one.
    Body(Vec<u8>),
    /// The answer sends elsewhere.
    Redirect(String),
    /// The whole file comes, whatever part was asked for.
    NoRange,
}

/// The server. Ends when dropped.
pub struct HubServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    is_over: AtomicBool,
}

#[derive(Default)]
struct State {
    models: Vec<Model>,
    /// Text in the address, fault, how often.
    faults: Vec<(String, HubFault, usize)>,
    requests: Vec<HubRequest>,
}

impl HubServer {
    /// Starts a server that has no model yet.
    ///
    /// # Panics
    /// When no port is free.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("the address just bound");
        let shared = Arc::new(Shared::default());
        let for_thread = Arc::clone(&shared);
        let thread = thread::spawn(move || accept(&listener, &for_thread));
        Self {
            address,
            shared,
            thread: Some(thread),
        }
    }

    /// The endpoint.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Publishes a model, or its next commit, which `main` then leads to; gives the commit.
    pub fn publish(&self, id: &str, files: &[(&str, &[u8])]) -> String {
        let mut state = self.shared.lock();
        let number = state.models.len() + 1;
        let model = Model::new(id, number, files);
        let commit = model.commit.clone();
        state.models.insert(0, model);
        commit
    }

    /// Changes what the list of files says of a model.
    pub fn describe(&self, id: &str, change: impl FnOnce(&mut serde_json::Value)) {
        let mut state = self.shared.lock();
        if let Some(model) = state.models.iter_mut().find(|model| model.id == id) {
            change(&mut model.description);
        }
    }

    /// Gives the files of a model only to who brings this token.
    pub fn gate(&self, id: &str, token: &str) {
        let mut state = self.shared.lock();
        for model in state.models.iter_mut().filter(|model| model.id == id) {
            model.token = Some(token.to_owned());
        }
    }

    /// Queues a fault for the next `times` requests whose address holds `text`.
    pub fn fail(&self, text: &str, fault: HubFault, times: usize) {
        self.shared
            .lock()
            .faults
            .push((text.to_owned(), fault, times));
    }

    /// The requests so far, in the order in which they came.
    pub fn requests(&self) -> Vec<HubRequest> {
        self.shared.lock().requests.clone()
    }

    /// How many bytes of files were sent.
    pub fn sent(&self) -> usize {
        let state = self.shared.lock();
        state.requests.iter().map(|request| request.sent).sum()
    }
}

impl Drop for HubServer {
    fn drop(&mut self) {
        self.shared.is_over.store(true, Ordering::Relaxed);
        // Wakes the thread that waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>) {
    for stream in listener.incoming() {
        if shared.is_over.load(Ordering::Relaxed) {
            return;
        }
        let (Ok(stream), shared) = (stream, Arc::clone(shared)) else {
            continue;
        };
        thread::spawn(move || serve(stream, &shared));
    }
}

/// Answers one request; the connection ends with it.
fn serve(mut stream: TcpStream, shared: &Shared) {
    let Some(request) = HubRequest::read(&stream) else {
        return;
    };
    let (answer, fault, place) = {
        let mut state = shared.lock();
        state.requests.push(request.clone());
        let fault = state.fault(&request.target);
        (
            state.answer(&request, fault.as_ref()),
            fault,
            state.requests.len() - 1,
        )
    };
    let stop = match fault {
        Some(HubFault::Cut(after) | HubFault::Stall(after)) => after.min(answer.body.len()),
        _ => answer.body.len(),
    };
    let body = if request.method == "HEAD" {
        &[][..]
    } else {
        &answer.body[..stop]
    };
    let head = answer.head();
    shared.lock().requests[place].sent = body.len();
    if stream.write_all(head.as_bytes()).is_err() || stream.write_all(body).is_err() {
        return;
    }
    let mut held = Duration::ZERO;
    let tick = Duration::from_millis(20);
    while matches!(fault, Some(HubFault::Stall(_)))
        && held < STALL
        && !shared.is_over.load(Ordering::Relaxed)
    {
        thread::sleep(tick);
        held += tick;
    }
}

impl State {
    /// The fault that strikes a request, once less to come.
    fn fault(&mut self, target: &str) -> Option<HubFault> {
        let hit = self
            .faults
            .iter_mut()
            .find(|(text, _, times)| target.contains(&**text) && *times > 0);
        let (_, fault, times) = hit?;
        *times -= 1;
        Some(fault.clone())
    }

    fn answer(&self, request: &HubRequest, fault: Option<&HubFault>) -> Answer {
        match fault {
            Some(HubFault::Status(status, headers)) => {
                let mut answer = Answer::new(*status, b"refused".to_vec());
                answer.headers.extend(headers.iter().cloned());
                return answer;
            }
            Some(HubFault::Redirect(to)) => {
                let mut answer = Answer::new(302, Vec::new());
                answer.headers.push(("Location", to.clone()));
                return answer;
            }
            _ => {}
        }
        let found = self
            .models
            .iter()
            .find_map(|model| model.answer(request, fault));
        let mut answer = found.unwrap_or_else(|| Answer::refused(404, "RepoNotFound"));
        match fault {
            Some(HubFault::Corrupt) => {
                if let Some(last) = answer.body.last_mut() {
                    *last ^= 1;
                }
            }
            Some(HubFault::Announce(bytes)) => answer.announced = Some(*bytes),
            Some(HubFault::Body(body)) => answer.body.clone_from(body),
            _ => {}
        }
        answer
    }
}

/// What is sent.
struct Answer {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
    announced: Option<u64>,
}

impl Answer {
    fn new(status: u16, body: Vec<u8>) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
            announced: None,
        }
    }

    fn refused(status: u16, code: &str) -> Self {
        let mut answer = Self::new(status, Vec::new());
        answer.headers.push(("X-Error-Code", code.to_owned()));
        answer
    }

    fn head(&self) -> String {
        let length = self.announced.unwrap_or(self.body.len() as u64);
        let mut head = format!(
            "HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {length}\r\n",
            self.status
        );
        for (name, value) in &self.headers {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head + "\r\n"
    }
}
