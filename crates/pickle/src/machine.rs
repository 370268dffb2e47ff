//! The stack machine.

use std::collections::HashMap;

use crate::value::{Arena, Global, Id, Problem, Value};

/// How long a pickle may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The most instructions. Each costs at most a hundred bytes of memory, so this bounds what a hostile
    /// pickle of any length can take.
    pub instructions: usize,
}

impl Default for Limit {
    /// Instructions that cost at most 2 GB; a checkpoint of 400 tensors has 15,000.
    fn default() -> Self {
        Self {
            instructions: 16 << 20,
        }
    }
}

/// A finished pickle.
#[derive(Debug)]
pub struct Pickle<'a> {
    root: Value<'a>,
    arena: Arena<'a>,
    end: usize,
}

impl<'a> Pickle<'a> {
    /// The object that was pickled.
    pub fn root(&self) -> Value<'a> {
        self.root
    }

    /// The items of a container of this pickle.
    ///
    /// # Panics
    /// May panic for a container of another pickle.
    pub fn items(&self, id: Id) -> &[Value<'a>] {
        self.arena.items(id)
    }

    /// The position after its last instruction.
    pub fn end(&self) -> usize {
        self.end
    }
}

/// Runs the pickle that begins at `start`. `accepts` says by module and name which classes and functions may
/// be named.
///
/// # Errors
/// [`Problem`]: a global that is not accepted, an instruction that is not known, a truncated or
/// contradictory pickle, or one longer than `limit`.
pub fn run(
    bytes: &[u8],
    start: usize,
    accepts: impl Fn(&str, &str) -> bool,
    limit: Limit,
) -> Result<Pickle<'_>, Problem> {
    let mut machine = Machine {
        bytes,
        position: start.min(bytes.len()),
        at: start,
        accepts: &accepts,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        arena: Arena::default(),
    };
    for _ in 0..limit.instructions {
        if machine.step()? {
            let root = machine.pop()?;
            return Ok(Pickle {
                root,
                arena: machine.arena,
                end: machine.position,
            });
        }
    }
    Err(machine.damaged(format!("more than {} instructions", limit.instructions)))
}

struct Machine<'a, 'f> {
    bytes: &'a [u8],
    position: usize,
    /// Where the current instruction begins.
    at: usize,
    accepts: &'f dyn Fn(&str, &str) -> bool,
    stack: Vec<Value<'a>>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    arena: Arena<'a>,
}

impl<'a> Machine<'a, '_> {
    /// Runs one instruction; tells whether it was the last.
    fn step(&mut self) -> Result<bool, Problem> {
        self.at = self.position;
        let [opcode] = self.array()?;
        match opcode {
            b'.' => return Ok(true),
            0x80 => drop(self.array::<1>()?),
            0x95 => drop(self.array::<8>()?),
            b'(' => self.marks.push(self.stack.len()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_to_mark()?),
            b'q' | b'r' | 0x94 | b'h' | b'j' => self.memory(opcode)?,
            b')' | b't' | 0x85..=0x87 | b']' | b'}' => self.container(opcode)?,
            b'a' | b'e' | b's' | b'u' | b'b' => self.fill(opcode)?,
            b'c' | 0x93 | b'R' | b'Q' => self.object(opcode)?,
            _ => self.constant(opcode)?,
        }
        Ok(false)
    }

    /// Pushes a value written in the instruction.
    fn constant(&mut self, opcode: u8) -> Result<(), Problem> {
        let value = match opcode {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'J' => Value::Int(i32::from_le_bytes(self.array()?).into()),
            b'K' => Value::Int(u8::from_le_bytes(self.array()?).into()),
            b'M' => Value::Int(u16::from_le_bytes(self.array()?).into()),
            0x8a => self.long()?,
            b'G' => {
                self.array::<8>()?;
                Value::Number
            }
            0x8c => {
                let length = self.length(1)?;
                self.text(length)?
            }
            b'X' => {
                let length = self.length(4)?;
                self.text(length)?
            }
            0x8d => {
                let length = self.length(8)?;
                self.text(length)?
            }
            b'U' | b'T' => {
                let length = self.length(if opcode == b'U' { 1 } else { 4 })?;
                let bytes = self.take(length)?;
                std::str::from_utf8(bytes).map_or(Value::Bytes(bytes), Value::Text)
            }
            b'C' | b'B' | 0x8e | 0x96 => {
                let length = self.length(match opcode {
                    b'C' => 1,
                    b'B' => 4,
                    _ => 8,
                })?;
                Value::Bytes(self.take(length)?)
            }
            _ => return Err(self.damaged(format!("instruction 0x{opcode:02x} not accepted"))),
        };
        self.stack.push(value);
        Ok(())
    }

    /// Keeps the top of the stack under a number, or fetches what was kept.
    fn memory(&mut self, opcode: u8) -> Result<(), Problem> {
        let key = match opcode {
            b'q' | b'h' => u8::from_le_bytes(self.array()?).into(),
            b'r' | b'j' => u32::from_le_bytes(self.array()?),
            _ => self.memo.len() as u32,
        };
        if matches!(opcode, b'h' | b'j') {
            let value = self.memo.get(&key).copied();
            let value = value.ok_or_else(|| self.damaged(format!("memo {key} is not set")))?;
            self.stack.push(value);
        } else {
            let top = self.pop()?;
            self.stack.push(top);
            self.memo.insert(key, top);
        }
        Ok(())
    }

    fn container(&mut self, opcode: u8) -> Result<(), Problem> {
        let items = match opcode {
            b't' => self.pop_to_mark()?,
            0x85..=0x87 => {
                let height = self.stack.len().checked_sub(usize::from(opcode - 0x84));
                let height = height.filter(|&h| h >= self.floor());
                let height = height.ok_or_else(|| self.damaged("stack is empty"))?;
                self.stack.split_off(height)
            }
            _ => Vec::new(),
        };
        let id = self.arena.add(items);
        self.stack.push(match opcode {
            b']' => Value::List(id),
            b'}' => Value::Dict(id),
            _ => Value::Tuple(id),
        });
        Ok(())
    }

    /// Moves items into the list or dictionary below them.
    fn fill(&mut self, opcode: u8) -> Result<(), Problem> {
        let items = match opcode {
            b'e' | b'u' => self.pop_to_mark()?,
            b's' => {
                let value = self.pop()?;
                vec![self.pop()?, value]
            }
            _ => vec![self.pop()?],
        };
        let target = self.pop()?;
        self.stack.push(target);
        match (opcode, target) {
            (b'a' | b'e', Value::List(id)) => self.arena.items_mut(id).extend(items),
            (b's' | b'u', Value::Dict(id)) if items.len() % 2 == 0 => {
                self.arena.items_mut(id).extend(items);
            }
            (b'b', Value::Call(id)) if self.arena.items(id).len() == 2 => {
                self.arena.items_mut(id).extend(items);
            }
            // The attributes of an `OrderedDict`: `_metadata` of PyTorch, versions of modules.
            (b'b', Value::Dict(_)) => {}
            _ => return Err(self.damaged("items for something that holds none")),
        }
        Ok(())
    }

    fn object(&mut self, opcode: u8) -> Result<(), Problem> {
        let value = match opcode {
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.global(module, name)?
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Value::Text(module), Value::Text(name)) = (module, name) else {
                    return Err(self.damaged("a global that is not named by text"));
                };
                self.global(module, name)?
            }
            b'Q' => {
                let id = self.pop_tuple("an object outside that is named by no tuple")?;
                Value::Persistent(id)
            }
            _ => {
                let arguments = self.pop_tuple("a call without a tuple of arguments")?;
                let function = self.pop()?;
                self.call(function, arguments)?
            }
        };
        self.stack.push(value);
        Ok(())
    }

    fn global(&self, module: &'a str, name: &'a str) -> Result<Value<'a>, Problem> {
        let global = Global { module, name };
        if (self.accepts)(module, name) {
            return Ok(Value::Global(global));
        }
        Err(Problem::Forbidden {
            position: self.at,
            global: global.to_string(),
        })
    }

    fn call(&mut self, function: Value<'a>, arguments: Id) -> Result<Value<'a>, Problem> {
        const ORDERED_DICT: Global<'_> = Global {
            module: "collections",
            name: "OrderedDict",
        };
        match function {
            Value::Global(ORDERED_DICT) if self.arena.items(arguments).is_empty() => {
                Ok(Value::Dict(self.arena.add(Vec::new())))
            }
            Value::Global(_) => {
                let call = vec![function, Value::Tuple(arguments)];
                Ok(Value::Call(self.arena.add(call)))
            }
            _ => Err(self.damaged("a call of something that is no function")),
        }
    }

    /// The height below which the current mark forbids to pop.
    fn floor(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    fn pop(&mut self) -> Result<Value<'a>, Problem> {
        if self.stack.len() <= self.floor() {
            return Err(self.damaged("stack is empty"));
        }
        self.stack
            .pop()
            .ok_or_else(|| self.damaged("stack is empty"))
    }

    fn pop_tuple(&mut self, otherwise: &str) -> Result<Id, Problem> {
        match self.pop()? {
            Value::Tuple(id) => Ok(id),
            _ => Err(self.damaged(otherwise)),
        }
    }

    fn pop_to_mark(&mut self) -> Result<Vec<Value<'a>>, Problem> {
        let mark = self
            .marks
            .pop()
            .ok_or_else(|| self.damaged("no mark is set"))?;
        Ok(self.stack.split_off(mark))
    }

    fn long(&mut self) -> Result<Value<'a>, Problem> {
        let [length] = self.array()?;
        let bytes = self.take(length.into())?;
        let negative = bytes.last().is_some_and(|&b| b & 0x80 != 0);
        let mut padded = [if negative { 0xff } else { 0 }; 8];
        let Some(low) = padded.get_mut(..bytes.len()) else {
            return Ok(Value::Number);
        };
        low.copy_from_slice(bytes);
        Ok(Value::Int(i64::from_le_bytes(padded)))
    }

    /// Reads a length of `n` bytes, at most 8, little-endian.
    fn length(&mut self, n: usize) -> Result<u64, Problem> {
        let mut wide = [0; 8];
        wide[..n].copy_from_slice(self.take(n as u64)?);
        Ok(u64::from_le_bytes(wide))
    }

    fn text(&mut self, length: u64) -> Result<Value<'a>, Problem> {
        let bytes = self.take(length)?;
        let text = std::str::from_utf8(bytes).map_err(|_| self.damaged("text is no UTF-8"))?;
        Ok(Value::Text(text))
    }

    fn line(&mut self) -> Result<&'a str, Problem> {
        let rest = &self.bytes[self.position..];
        let length = rest.iter().position(|&b| b == b'\n');
        let length = length.ok_or_else(|| self.damaged("a line without end"))?;
        let line = self.take(length as u64)?;
        self.position += 1;
        std::str::from_utf8(line).map_err(|_| self.damaged("text is no UTF-8"))
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Problem> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], Problem> {
        let rest = &self.bytes[self.position..];
        let taken = usize::try_from(length)
            .ok()
            .and_then(|length| rest.get(..length));
        let taken = taken.ok_or_else(|| {
            self.damaged(format!(
                "{length} bytes expected, the file has {}",
                rest.len()
            ))
        })?;
        self.position += taken.len();
        Ok(taken)
    }

    fn damaged(&self, what: impl Into<String>) -> Problem {
        Problem::damaged(self.at, what)
    }
}
