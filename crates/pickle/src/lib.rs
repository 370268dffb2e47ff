//! Python's pickles, parsed and never executed.
//!
//! A pickle is a program for a small stack machine that can call any Python function. The machine here
//! ([`run`]) calls none: the caller lists the globals that may be named, every other is refused by its name,
//! and a call becomes a note of function, arguments and state ([`Value::Call`]). What the notes mean is the
//! caller's to say. Text and bytes borrow from the pickle.
//!
//! Read are the instructions that Python's pickler writes in protocols 2 to 5 for text, bytes, numbers,
//! tuples, lists, dictionaries and objects that are made by a call; buffers out of band are not.
//!
//! ```
//! use ragdex_pickle::{Limit, Value, run};
//!
//! let pickle = run(b"\x80\x02](K\x01X\x02\x00\x00\x00hie.", 0, |_, _| false, Limit::default())?;
//! let Value::List(list) = pickle.root() else { panic!("it is a list") };
//! assert_eq!(pickle.items(list), [Value::Int(1), Value::Text("hi")]);
//!
//! let code = run(b"\x80\x02cos\nsystem\n(X\x02\x00\x00\x00lstR.", 0, |_, _| false, Limit::default());
//! assert!(code.is_err());
//! # Ok::<(), ragdex_pickle::Problem>(())
//! ```

mod machine;
mod value;

pub use machine::{Limit, Pickle, run};
pub use value::{Global, Id, Problem, Value};
