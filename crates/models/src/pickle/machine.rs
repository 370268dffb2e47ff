//! The stack machine.

use std::collections::HashMap;

use super::value::{Arena, Global, Id, Problem, Value};

/// The most instructions of one pickle. A checkpoint of 400 tensors has 15,000; each costs at most
/// a hundred bytes here, so that hostile files stay below 2 GB whatever their length.
const MAX_INSTRUCTIONS: usize = 16 << 20;

/// A finished pickle.
#[derive(Debug)]
pub(super) struct Pickle<'a> {
    pub(super) root: Value<'a>,
    pub(super) arena: Arena<'a>,
    /// The position after its last instruction.
    pub(super) end: usize,
}

/// Runs the pickle that begins at `start`.
pub(super) fn run(bytes: &[u8], start: usize) -> Result<Pickle<'_>, Problem> {
    let mut machine = Machine {
        bytes,
        position: start,
        at: start,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        arena: Arena::default(),
    };
    for _ in 0..MAX_INSTRUCTIONS {
        if machine.step()? {
            let root = machine.pop()?;
            return Ok(Pickle {
                root,
                arena: machine.arena,
                end: machine.position,
            });
        }
    }
    Err(machine.damaged("more instructions than any checkpoint has"))
}

struct Machine<'a> {
    bytes: &'a [u8],
    position: usize,
    /// Where the current instruction begins.
    at: usize,
    stack: Vec<Value<'a>>,
    /// Heights of the stack.
    marks: Vec<usize>,
    memo: HashMap<u32, Value<'a>>,
    arena: Arena<'a>,
}

impl<'a> Machine<'a> {
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
            b'U' | 0x8c => {
                let [length] = self.array()?;
                self.text(length.into())?
            }
            b'X' | b'T' => {
                let length = u32::from_le_bytes(self.array()?);
                self.text(length.into())?
            }
            0x8d => {
                let length = u64::from_le_bytes(self.array()?);
                self.text(length)?
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
                let id = self.pop_tuple("a storage named by no tuple")?;
                Value::Storage(id)
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

    fn global(&self, module: &str, name: &str) -> Result<Value<'a>, Problem> {
        match Global::find(module, name) {
            Some(global) => Ok(Value::Global(global)),
            None => Err(Problem::Forbidden {
                position: self.at,
                global: format!("{module}.{name}"),
            }),
        }
    }

    fn call(&mut self, function: Value<'a>, arguments: Id) -> Result<Value<'a>, Problem> {
        let first = self.arena.items(arguments).first().copied();
        match (function, first) {
            (Value::Global(Global::RebuildTensor), Some(_)) => Ok(Value::Tensor(arguments)),
            (Value::Global(Global::RebuildParameter), Some(tensor @ Value::Tensor(_))) => {
                Ok(tensor)
            }
            (Value::Global(Global::OrderedDict), None) => {
                Ok(Value::Dict(self.arena.add(Vec::new())))
            }
            _ => Err(self.damaged("a call that rebuilds no tensor")),
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
