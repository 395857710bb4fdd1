//! A look at the bytes of a file: which functions it defines, what names each of them calls, and which may block. Nothing is parsed.
//!
//! By indentation and by names, so it may see too much (a word in a string counts) and knows no types. What it says is only where to look.

use memchr::{memchr, memchr2_iter, memmem};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use serde::{Deserialize, Serialize};
use std::cell::RefCell;
use std::hash::Hasher;
use std::sync::LazyLock;

use super::colouring::usage::{has_likely_session, is_likely_session, is_looked_at, is_of_conversation};
use super::summarise::CALLBACK_TAKERS;
use crate::glance::{Strings, first_word, is_word, last_word, line_start, words_in};
use crate::knowledge::blocking::{self, Blocking, Rule};

/// Functions that may lead to one that blocks, from caller to caller; what is further away is not looked for.
const MAX_HOPS: usize = 8;

/// So many files are worth parsing in any project, and one more for each so many files. Where names lead to more of them, fewer hops are
/// looked at.
const AFFORDABLE: usize = 100;
const AFFORDABLE_SHARE: usize = 60;

/// A name, as a number: names are only compared.
pub type Name = u64;

/// What the bytes of a file say.
#[derive(Serialize, Deserialize)]
pub struct Scan {
    /// The names by which others may import the file: its own, and that of its package, which may hand on what it defines.
    modules: [Name; 2],
    functions: Vec<Function>,
    /// The words of its import statements.
    imports: FxHashSet<Name>,
}

#[derive(Serialize, Deserialize)]
struct Function {
    name: Name,
    /// The class that it is defined in, if any.
    class: Option<Name>,
    /// Whether it runs without being called by its name: a special method of a class.
    is_special: bool,
    is_followed: bool,
    is_property: bool,
    is_common: bool,
    is_async: bool,
    /// Whether it hands functions over to the event loop.
    hands_over: bool,
    /// Whether it calls something of the table.
    blocks: bool,
    /// Whether it could become a coroutine function for the sake of such a call.
    waits: bool,
    /// Whether it is a coroutine function that calls something of the table, and awaits nothing.
    never_waits: bool,
    /// What it calls, and the attributes that it reads, the latter as [`read`] gives them. Sorted.
    uses: Vec<Name>,
    /// What it awaits, by the last names of the callees.
    awaits: Vec<Name>,
    /// What it calls where a coroutine would be out of place: as a statement, or as a condition.
    bare: Vec<Name>,
}

impl Function {
    /// What the uses of it look like. Of special methods only those count whose uses are followed, and they are used by the name of their
    /// class.
    fn used_as(&self, modules: [Name; 2]) -> Vec<Name> {
        match self.class {
            Some(class) if self.is_special => {
                if self.is_followed {
                    vec![class, member(class)]
                } else {
                    Vec::new()
                }
            }
            Some(_) if self.is_property => vec![read(self.name)],
            Some(_) => vec![member(self.name)],
            None => {
                let [module, package] = modules.map(|module| member_of(module, self.name));
                vec![self.name, module, package]
            }
        }
    }

    /// Whether a function of the same file that uses the name means this one. A name that every other class has tells little: then the
    /// receiver must be `self`, or the class be made there.
    fn is_meant_by(&self, user: &Function) -> bool {
        let uses = |name| user.uses.binary_search(&name).is_ok();
        let is_named = |class| uses(member_of(*SELF, self.name)) || uses(class);
        !self.is_common || self.class.is_none_or(is_named)
    }
}

/// Special methods that are followed: their classes are called, entered, or iterated over.
const FOLLOWED: &[&[u8]] = &[b"__init__", b"__enter__", b"__exit__", b"__iter__", b"__next__"];

/// Names of methods that containers, files, strings and clients have as well.
const COMMON: &[&[u8]] = &[
    b"add", b"append", b"close", b"copy", b"count", b"decode", b"delete", b"encode", b"execute", b"extend", b"find",
    b"format", b"get", b"insert", b"index", b"items", b"join", b"keys", b"load", b"loads", b"open", b"pop", b"post",
    b"put", b"read", b"remove", b"request", b"run", b"send", b"set", b"split", b"start", b"stop", b"strip", b"update",
    b"values", b"write",
];

/// Whether the receiver that a text ends with may be what waits for others, by its name: of `get` and its like, most belong to mappings and
/// strings.
fn may_be_client(text: &[u8]) -> bool {
    const HINTS: &[&str] = &[
        "api", "client", "conn", "cur", "db", "http", "kv", "pool", "proc", "redis", "s3", "sess", "sock", "thread",
    ];
    const MAPPINGS: &[&[u8]] = &[
        b"args",
        b"cache",
        b"caches",
        b"clients",
        b"config",
        b"connections",
        b"data",
        b"headers",
        b"info",
        b"metadata",
        b"options",
        b"params",
        b"response",
        b"sessions",
        b"settings",
        b"state",
    ];
    let receiver = last_word(text).to_ascii_lowercase();
    if receiver.is_empty() {
        return text.ends_with(b"()");
    }
    !MAPPINGS.iter().any(|word| receiver.ends_with(word))
        && HINTS
            .iter()
            .any(|hint| memmem::find(&receiver, hint.as_bytes()).is_some())
}

static SELF: LazyLock<Name> = LazyLock::new(|| hash(b"self"));

/// `.name(`, told from `name(`.
fn member(name: Name) -> Name {
    name.rotate_left(32)
}

/// `owner.name(`.
fn member_of(owner: Name, name: Name) -> Name {
    owner.rotate_left(16) ^ name
}

/// An attribute that is read, told from a call of the same name.
fn read(name: Name) -> Name {
    !name
}

/// The calls of a text that block, as far as the bytes around them tell.
struct Leaves<'t> {
    text: &'t [u8],
    imports: &'t FxHashSet<Name>,
    /// The packages of the table that it may import.
    packages: Vec<&'static str>,
    /// Whether sessions may make requests that the text does not import.
    has_session: bool,
    /// Whether some class of these packages blocks whichever method is called.
    has_any: bool,
    /// What was found out, by the names of rows and of what has them: each answer costs a search of the text.
    mentioned: RefCell<FxHashMap<&'static str, bool>>,
    renamed: RefCell<FxHashMap<&'static str, bool>>,
}

impl<'t> Leaves<'t> {
    fn of(text: &'t [u8], imports: &'t FxHashSet<Name>, packages: Vec<&'static str>) -> Self {
        let mut leaves = Self {
            text,
            has_session: has_likely_session(text),
            imports,
            packages,
            has_any: false,
            mentioned: RefCell::default(),
            renamed: RefCell::default(),
        };
        let has_any = leaves.rows(b"*").next().is_some();
        leaves.has_any = has_any;
        leaves
    }

    /// The rows whose names end in this, and that the text mentions.
    fn rows(&self, last: &[u8]) -> impl Iterator<Item = &'static Blocking> {
        blocking::named(last).iter().copied().filter(|row| {
            is_call(row)
                && (blocking::is_builtin(row) || self.packages.contains(&blocking::package_of(row)))
                && *self
                    .mentioned
                    .borrow_mut()
                    .entry(row.name)
                    .or_insert_with(|| blocking::is_mentioned(self.text, row))
        })
    }

    /// Whether the call of the name that ends at `end` is one; if so, whether a function could become a coroutine function for its sake.
    fn find(&self, name: &[u8], end: usize) -> Option<bool> {
        let start = end - name.len();
        let is_member = start > 0 && self.text[start - 1] == b'.';
        let receiver = if is_member { &self.text[..start - 1] } else { b"" };
        let is_it = |row: &Blocking| {
            let owner_path = row.name.rsplit_once('.').map_or("", |(owner, _)| owner);
            let owner = owner_path.rsplit('.').next().unwrap_or_default();
            if !is_member {
                // The name alone may be it.
                return owner.is_empty() || self.imports.contains(&hash(name));
            }
            if row.shared.is_some() || self.is_renamed(owner) {
                return !COMMON.contains(&name) || may_be_client(receiver);
            }
            last_word(receiver) == owner.as_bytes()
        };
        let named = self.rows(name).filter(|row| is_it(row));
        let any = is_member && self.has_any && may_be_client(receiver);
        let any = any.then(|| self.rows(b"*")).into_iter().flatten();
        let is_session = || std::str::from_utf8(last_word(receiver)).is_ok_and(is_likely_session);
        let is_request = |name| {
            blocking::named(name)
                .iter()
                .any(|row| row.name.starts_with("requests.Session."))
        };
        let is_of_session = is_member && self.has_session && is_session() && is_request(name);
        let is_of_session = is_of_session.then_some(true);
        named
            .chain(any)
            // What is opened is moved with all that uses it: no function turns for its sake.
            .map(|row| is_looked_at(row) && !blocking::opens(row))
            .chain(is_of_session)
            .reduce(|one, other| one || other)
    }

    /// Whether the text gives a module or class another name.
    fn is_renamed(&self, owner: &'static str) -> bool {
        let is_renamed = || memmem::find(self.text, format!(" {owner} as ").as_bytes()).is_some();
        *self.renamed.borrow_mut().entry(owner).or_insert_with(is_renamed)
    }
}

/// Whether a row of the table makes a function one that blocks.
pub fn is_leaf(row: &Blocking) -> bool {
    matches!(row.rule, Rule::Call | Rule::List) || row.name == "time.sleep" || blocking::opens(row)
}

/// Whether a row is one of calls for whose sake functions are looked at.
fn is_call(row: &Blocking) -> bool {
    is_leaf(row) || is_of_conversation(row)
}

/// Whether a coroutine of this text may call a sync function of it that blocks.
pub fn may_block_within(text: &[u8]) -> bool {
    if !has_coroutine(text) || !blocks(text) {
        return false;
    }
    let scan = Scan::of("", text);
    Reach::of(&Users::of(&[Some(scan)])).meets_coroutine
}

/// Whether a sync function of this text may wait for something for whose sake it could become a coroutine function.
pub fn may_turn(text: &[u8]) -> bool {
    memmem::find(text, b"def ").is_some()
        && (blocking::mentioned(text, |row| is_call(row) && is_looked_at(row))
            .next()
            .is_some()
            || has_likely_session(text))
}

/// Whether a text defines a coroutine.
pub fn has_coroutine(text: &[u8]) -> bool {
    memmem::find(text, b"async def").is_some()
}

fn blocks(text: &[u8]) -> bool {
    blocking::mentioned(text, is_leaf).next().is_some()
}

impl Scan {
    /// `path` has `/` between its parts.
    pub fn of(path: &str, text: &[u8]) -> Self {
        let import_lines: Vec<&[u8]> = blocking::import_lines(text).collect();
        let imports = import_words(text, &import_lines);
        let leaves = Leaves::of(text, &imports, blocking::packages(import_lines));
        let strings = Strings::of(text);
        let mut functions = headers(text, &strings);
        uses(text, &mut functions, &strings, &leaves);
        let mut functions: Vec<Function> = functions
            .into_iter()
            .filter(|header| !header.is_class)
            .map(|Header { mut function, .. }| {
                function.uses.sort_unstable();
                function.uses.dedup();
                function.uses.shrink_to_fit();
                function.never_waits = function.is_async && function.blocks && function.awaits.is_empty();
                function.blocks &= !function.is_async;
                function.waits &= !function.is_async;
                function
            })
            .collect();
        // It is kept until all files have been looked at.
        functions.shrink_to_fit();
        let path = path.strip_suffix(".py").unwrap_or(path);
        let path = path.strip_suffix("/__init__").unwrap_or(path);
        let mut names = path.rsplit('/').map(|part| hash(part.as_bytes()));
        let module = names.next().unwrap_or_default();
        Self {
            modules: [module, names.next().unwrap_or(module)],
            functions,
            imports,
        }
    }

    /// Whether a function of the file may become a coroutine function for the sake of what it calls itself.
    pub fn may_turn_itself(&self) -> bool {
        self.functions.iter().any(|function| function.waits)
    }

    /// Whether a function of another file may be used here: its class is imported, or its module and used through it, or itself.
    fn may_know(&self, user: &Function, other: &Scan, function: &Function) -> bool {
        match function.class {
            Some(class) => self.imports.contains(&class),
            None => {
                let is_through = |module: &Name| {
                    let through = member_of(*module, function.name);
                    self.imports.contains(module) && user.uses.binary_search(&through).is_ok()
                };
                self.imports.contains(&function.name) || other.modules.iter().any(is_through)
            }
        }
    }
}

/// The line of a `def` or `class`.
struct Header {
    start: usize,
    indent: usize,
    is_class: bool,
    /// What it defines; of a class, the name and what its body uses.
    function: Function,
}

/// How many bytes behind a call that hands a function over are looked at for its name.
const ARGUMENTS: usize = 80;

/// All lines that look like definitions, in source order.
fn headers(text: &[u8], strings: &Strings) -> Vec<Header> {
    let mut found: Vec<Header> = Vec::new();
    let mut places: Vec<(usize, bool)> = memmem::find_iter(text, b"def ").map(|at| (at, false)).collect();
    places.extend(memmem::find_iter(text, b"class ").map(|at| (at, true)));
    places.sort_unstable();
    for (at, is_class) in places {
        let start = line_start(text, at);
        if strings.hold(start) {
            continue;
        }
        let before = text[start..at].trim_ascii_start();
        if !(before.is_empty() || !is_class && before == b"async ") {
            continue;
        }
        let name = word_at(text, at + if is_class { 6 } else { 4 });
        if name.is_empty() {
            continue;
        }
        let indent = indent_of(text, start);
        let class = found
            .iter()
            .rev()
            .find(|outer| outer.indent < indent)
            .filter(|outer| outer.is_class)
            .map(|outer| outer.function.name);
        let is_special = name.starts_with(b"__") && name.ends_with(b"__");
        found.push(Header {
            start,
            indent,
            is_class,
            function: Function {
                name: hash(name),
                class,
                is_special: class.is_some() && is_special,
                is_followed: FOLLOWED.contains(&name),
                is_common: COMMON.contains(&name),
                is_property: class.is_some() && above(text, start).trim_ascii().ends_with(b"property"),
                is_async: before == b"async ",
                hands_over: false,
                blocks: false,
                waits: false,
                never_waits: false,
                uses: Vec::new(),
                awaits: Vec::new(),
                bare: Vec::new(),
            },
        });
    }
    found
}

/// Says of each function what it uses.
fn uses(text: &[u8], headers: &mut [Header], strings: &Strings, leaves: &Leaves) {
    let knows_coroutines = memmem::find(text, b"import").is_some();
    // The definitions that are open at a place, by their indexes.
    let mut open: Vec<usize> = Vec::new();
    let mut next = 0;
    let mut line_end = 0;
    for at in memchr2_iter(b'(', b'.', text) {
        while next < headers.len() && headers[next].start <= at {
            while open
                .last()
                .is_some_and(|&last| headers[last].indent >= headers[next].indent)
            {
                open.pop();
            }
            open.push(next);
            next += 1;
        }
        if open.is_empty() {
            continue;
        }
        let name = if text[at] == b'(' {
            last_word(&text[..at])
        } else {
            word_at(text, at + 1)
        };
        if name.is_empty() || name[0].is_ascii_digit() {
            continue;
        }
        if at >= line_end {
            let start = line_start(text, at);
            line_end = memchr(b'\n', &text[at..]).map_or(text.len(), |newline| at + newline);
            let indent = indent_of(text, start);
            let ends = |header: &Header| header.indent >= indent && header.start != start && !strings.hold(start);
            while open.last().is_some_and(|&last| ends(&headers[last])) {
                open.pop();
            }
        }
        if let Some(&last) = open.last() {
            let function = &mut headers[last].function;
            let is_call = text[at] == b'(';
            let start = at.saturating_sub(name.len());
            let name_hash = hash(name);
            match is_call && start > 0 && text[start - 1] == b'.' {
                true => {
                    let owner = last_word(&text[..start - 1]);
                    function.uses.push(member(name_hash));
                    function.uses.push(member_of(hash(owner), name_hash));
                }
                false => function.uses.push(if is_call { name_hash } else { read(name_hash) }),
            }
            if is_call {
                let path = path_start(text, start);
                if function.is_async && is_awaited(text, path) {
                    function.awaits.push(name_hash);
                }
                if knows_coroutines && is_bare(text, path) {
                    function.bare.push(name_hash);
                }
            }
            if is_call && let Some(waits) = leaves.find(name, at) {
                function.blocks = true;
                function.waits |= waits;
            }
            if is_call && CALLBACK_TAKERS.iter().any(|(taker, _)| taker.as_bytes() == name) {
                function.hands_over = true;
                let arguments = &text[at..text.len().min(at + ARGUMENTS)];
                function
                    .uses
                    .extend(words_in(arguments).map(hash).flat_map(|word| [word, member(word)]));
            }
        }
    }
}

/// Where the path starts that ends with the name that starts here: `client.get`.
fn path_start(text: &[u8], name: usize) -> usize {
    let before = text[..name].iter().rposition(|byte| !is_word(*byte) && *byte != b'.');
    before.map_or(0, |before| before + 1)
}

/// Whether `await` stands before the path that starts here.
fn is_awaited(text: &[u8], path: usize) -> bool {
    text[..path].trim_ascii_end().ends_with(b"await")
}

/// Whether the path that starts here begins a statement, or is asked whether it is true.
fn is_bare(text: &[u8], path: usize) -> bool {
    let before = text[line_start(text, path)..path].trim_ascii();
    before.is_empty() || [&b"if"[..], b"elif", b"while", b"not", b"and", b"or", b"assert"].contains(&last_word(before))
}

/// The line above the one that starts here.
fn above(text: &[u8], start: usize) -> &[u8] {
    let end = start.saturating_sub(1);
    &text[line_start(text, end)..end]
}

fn indent_of(text: &[u8], start: usize) -> usize {
    text[start..]
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count()
}

fn word_at(text: &[u8], start: usize) -> &[u8] {
    first_word(&text[start.min(text.len())..])
}

pub fn hash(name: &[u8]) -> Name {
    let mut hasher = FxHasher::default();
    hasher.write(name);
    hasher.finish()
}

/// The words of the import statements, those in parentheses on the lines below included.
fn import_words(text: &[u8], import_lines: &[&[u8]]) -> FxHashSet<Name> {
    let statements = import_lines.iter().map(|line| blocking::import_statement(text, line));
    statements.flat_map(words_in).map(hash).collect()
}

/// How far what blocks reaches, by names.
pub struct Reach {
    concerned: Vec<bool>,
    names: FxHashSet<Name>,
    meets_coroutine: bool,
}

/// A function: its file, and its index there.
type Place = (usize, usize);

/// Who uses the functions of all files, by their names.
pub struct Users<'s> {
    scans: &'s [Option<Scan>],
    by_name: FxHashMap<Name, Vec<Place>>,
}

impl<'s> Users<'s> {
    pub fn of(scans: &'s [Option<Scan>]) -> Self {
        let mut users = Self {
            scans,
            by_name: FxHashMap::default(),
        };
        // Only names that some function goes by are worth remembering.
        let mut known: FxHashSet<Name> = FxHashSet::default();
        for (place, function) in users.all().filter(|(_, function)| !function.is_async) {
            known.extend(function.used_as(users.modules(place)));
        }
        let mut by_name: FxHashMap<Name, Vec<Place>> = FxHashMap::default();
        for (place, function) in users.all() {
            for name in function.uses.iter().filter(|name| known.contains(name)) {
                by_name.entry(*name).or_default().push(place);
            }
        }
        users.by_name = by_name;
        users
    }

    fn at(&self, (file, index): Place) -> &'s Function {
        &self.scans[file].as_ref().expect("places come from scans").functions[index]
    }

    fn all(&self) -> impl Iterator<Item = (Place, &'s Function)> + use<'s> {
        self.scans.iter().enumerate().flat_map(|(file, scan)| {
            let functions = scan.iter().flat_map(|scan| scan.functions.iter().enumerate());
            functions.map(move |(index, function)| ((file, index), function))
        })
    }

    fn modules(&self, place: Place) -> [Name; 2] {
        self.scans[place.0].as_ref().map_or([0, 0], |scan| scan.modules)
    }

    /// The functions that may use this one.
    fn of_function(&self, place: Place) -> impl Iterator<Item = Place> + '_ {
        let function = self.at(place);
        let names = function.used_as(self.modules(place));
        let users = names.into_iter().filter_map(|name| self.by_name.get(&name)).flatten();
        users.copied().filter(move |user| {
            let may_know = if user.0 == place.0 {
                function.is_meant_by(self.at(*user))
            } else {
                self.may_know(*user, place)
            };
            may_know && *user != place
        })
    }

    /// Whether a function may use one of another file.
    fn may_know(&self, user: Place, other: Place) -> bool {
        match (&self.scans[user.0], &self.scans[other.0]) {
            (Some(scan), Some(of)) => scan.may_know(self.at(user), of, self.at(other)),
            _ => false,
        }
    }
}

/// The functions that may become coroutine functions, or that use such ones: all that lead by their names to a call that waits.
#[derive(Default)]
pub struct Turning(FxHashSet<Place>);

impl Turning {
    pub fn of(users: &Users) -> Self {
        let mut seen: FxHashSet<Place> = FxHashSet::default();
        let mut open: Vec<Place> = users
            .all()
            .filter(|(_, function)| function.waits)
            .map(|(place, _)| place)
            .collect();
        while let Some(place) = open.pop() {
            if seen.insert(place) && !users.at(place).is_async {
                open.extend(users.of_function(place));
            }
        }
        Self(seen)
    }

    /// The files in which they stand, sorted.
    pub fn files(&self) -> Vec<usize> {
        let mut files: Vec<usize> = self.0.iter().map(|place| place.0).collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}

/// Where coroutines of one file await a function of another one that does not wait so far, and may come to: the file that awaits, the other one,
/// and the name of the function. By names.
pub fn awaiting_what_never_waits(users: &Users, turning: &Turning) -> Vec<(usize, usize, Name)> {
    let mut open: Vec<Place> = users
        .all()
        .filter(|(place, function)| {
            let turns = || function.is_async && function.awaits.is_empty() && turning.0.contains(place);
            function.never_waits || turns()
        })
        .map(|(place, _)| place)
        .collect();
    if open.is_empty() {
        return Vec::new();
    }
    let mut by_name: FxHashMap<Name, Vec<Place>> = FxHashMap::default();
    for (place, function) in users.all() {
        for name in &function.awaits {
            by_name.entry(*name).or_default().push(place);
        }
    }
    let mut seen: FxHashSet<Place> = FxHashSet::default();
    let mut found = Vec::new();
    while let Some(callee) = open.pop() {
        if !seen.insert(callee) {
            continue;
        }
        let function = users.at(callee);
        for user in by_name.get(&function.name).into_iter().flatten() {
            let may_mean = if user.0 == callee.0 {
                function.is_meant_by(users.at(*user))
            } else {
                users.may_know(*user, callee)
            };
            if !may_mean || *user == callee {
                continue;
            }
            if user.0 != callee.0 {
                found.push((user.0, callee.0, function.name));
            }
            // One that awaits nothing else does not wait so far, either.
            if users.at(*user).awaits.iter().all(|name| *name == function.name) {
                open.push(*user);
            }
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// What some functions run that waits, or may come to, themselves included: by names, and no further than [`MAX_HOPS`]. Both they and what is found
/// are a file and the name of the function; with each of the latter the index of the one that it follows from.
pub fn run_by(users: &Users, turning: &Turning, starts: &[(usize, Name)]) -> Vec<(usize, Name, usize)> {
    let mut defined: FxHashMap<Name, Vec<Place>> = FxHashMap::default();
    let mut own: FxHashMap<(usize, Name), Vec<Place>> = FxHashMap::default();
    if starts.is_empty() {
        return Vec::new();
    }
    for (place, function) in users.all() {
        if function.is_async || turning.0.contains(&place) {
            for name in function.used_as(users.modules(place)) {
                defined.entry(name).or_default().push(place);
            }
            own.entry((place.0, function.name)).or_default().push(place);
        }
    }
    let mut found: FxHashMap<Place, usize> = FxHashMap::default();
    let named = |start: &(usize, Name)| own.get(start).into_iter().flatten().copied();
    let mut open: Vec<(Place, usize)> = starts
        .iter()
        .enumerate()
        .flat_map(|(index, start)| named(start).map(move |place| (place, index)))
        .collect();
    for _ in 0..=MAX_HOPS {
        let mut next = Vec::new();
        for (place, start) in open {
            if found.contains_key(&place) {
                continue;
            }
            found.insert(place, start);
            let user = users.at(place);
            for name in &user.uses {
                for callee in defined.get(name).into_iter().flatten() {
                    let is_meant = if callee.0 == place.0 {
                        users.at(*callee).is_meant_by(user)
                    } else {
                        users.may_know(place, *callee)
                    };
                    if is_meant && !found.contains_key(callee) {
                        next.push((*callee, start));
                    }
                }
            }
        }
        open = next;
    }
    let mut found: Vec<(usize, Name, usize)> = found
        .into_iter()
        .map(|(place, start)| (place.0, users.at(place).name, start))
        .collect();
    found.sort_unstable();
    found
}

/// What may be coroutine functions of other files, called where a coroutine is out of place.
#[derive(Default)]
pub struct Forgotten {
    /// The files with such calls.
    pub files: Vec<usize>,
    names: FxHashSet<Name>,
}

impl Forgotten {
    /// Whether one of the functions has this name.
    pub fn is_name(&self, name: &str) -> bool {
        self.names.contains(&hash(name.as_bytes()))
    }
}

/// By names.
pub fn forgotten(users: &Users) -> Forgotten {
    let mut defined: FxHashMap<Name, Vec<Place>> = FxHashMap::default();
    for (place, function) in users
        .all()
        .filter(|(_, function)| function.is_async && !function.is_special)
    {
        defined.entry(function.name).or_default().push(place);
    }
    let mut found = Forgotten::default();
    for (place, function) in users.all() {
        for name in &function.bare {
            let mut others = defined.get(name).into_iter().flatten();
            if others.any(|other| other.0 != place.0 && users.may_know(place, *other)) {
                found.files.push(place.0);
                found.names.insert(*name);
            }
        }
    }
    found.files.dedup();
    found
}

/// The files in which a coroutine awaits one of another file of which it may be known, by its name, what it does: whatever that awaits in turn
/// is such a coroutine, or a pause: `asyncio.sleep`, or a method of these names.
pub fn awaiting_what_is_known(users: &Users, pauses: &[&str]) -> Vec<usize> {
    let pauses: FxHashSet<Name> = pauses
        .iter()
        .chain(&["sleep"])
        .map(|name| hash(name.as_bytes()))
        .collect();
    let coroutines: Vec<(Place, &Function)> = users
        .all()
        .filter(|(_, function)| function.is_async && !function.awaits.is_empty())
        .collect();
    let mut defined: FxHashMap<Name, Vec<Place>> = FxHashMap::default();
    for (place, function) in &coroutines {
        defined.entry(function.name).or_default().push(*place);
    }
    let may_be = |user: Place, callee: Place| user.0 == callee.0 || users.may_know(user, callee);
    let named = |name: Name| defined.get(&name).into_iter().flatten().copied();
    let mut known: FxHashSet<Place> = FxHashSet::default();
    loop {
        let before = known.len();
        let is_known = |user: Place, name: Name| {
            pauses.contains(&name) || named(name).any(|callee| known.contains(&callee) && may_be(user, callee))
        };
        let more: Vec<Place> = coroutines
            .iter()
            .filter(|(place, _)| !known.contains(place))
            .filter(|(place, function)| function.awaits.iter().all(|name| is_known(*place, *name)))
            .map(|(place, _)| *place)
            .collect();
        known.extend(more);
        if known.len() == before {
            break;
        }
    }
    let awaits_another = |place: Place, function: &Function| {
        let others = function.awaits.iter().filter(|name| !pauses.contains(name));
        others
            .flat_map(|name| named(*name))
            .any(|callee| callee.0 != place.0 && known.contains(&callee) && users.may_know(place, callee))
    };
    let mut files: Vec<usize> = coroutines
        .iter()
        .filter(|(place, function)| awaits_another(*place, function))
        .map(|(place, _)| place.0)
        .collect();
    files.dedup();
    files
}

impl Reach {
    /// The files that are worth parsing to tell where coroutines run what blocks: those on a path of calls from one to the other.
    pub fn files(&self) -> impl Iterator<Item = usize> + '_ {
        self.concerned
            .iter()
            .enumerate()
            .filter(|(_, is)| **is)
            .map(|(file, _)| file)
    }

    /// Whether a function on such a path has this name, or its class.
    pub fn is_name(&self, name: &str) -> bool {
        self.names.contains(&hash(name.as_bytes()))
    }

    pub fn of(users: &Users) -> Self {
        let scans = users.scans;
        let (at, all) = (|place| users.at(place), || users.all());
        // The callees of each function that were reached, and in which round each was.
        let mut below: FxHashMap<Place, Vec<Place>> = FxHashMap::default();
        let mut rounds: FxHashMap<Place, usize> = FxHashMap::default();
        let mut open: Vec<Place> = all()
            .filter(|(_, function)| function.blocks)
            .map(|(place, _)| place)
            .collect();
        rounds.extend(open.iter().map(|place| (*place, 0)));
        let mut frames: Vec<(Place, usize)> = Vec::new();
        for round in 1..=MAX_HOPS {
            let mut further = Vec::new();
            for place in std::mem::take(&mut open) {
                for user in users.of_function(place) {
                    below.entry(user).or_default().push(place);
                    if at(user).is_async || at(user).hands_over {
                        frames.push((user, round));
                    }
                    if !at(user).is_async && !rounds.contains_key(&user) {
                        rounds.insert(user, round);
                        further.push(user);
                    }
                }
            }
            open = further;
        }
        let affordable = AFFORDABLE + scans.len() / AFFORDABLE_SHARE;
        let within = |hops: usize| {
            let mut concerned = vec![false; scans.len()];
            let mut names: FxHashSet<Name> = FxHashSet::default();
            let mut seen: FxHashSet<Place> = FxHashSet::default();
            let near = frames.iter().filter(|(_, round)| *round <= hops);
            let mut open: Vec<Place> = near.map(|(place, _)| *place).collect();
            while let Some(place) = open.pop() {
                if seen.insert(place) {
                    concerned[place.0] = true;
                    names.insert(at(place).name);
                    names.extend(at(place).class);
                    let callees = below.get(&place).into_iter().flatten();
                    open.extend(callees.filter(|callee| rounds[*callee] < hops));
                }
            }
            Self {
                concerned,
                names,
                meets_coroutine: !frames.is_empty(),
            }
        };
        (1..=MAX_HOPS)
            .rev()
            .map(within)
            .find(|reach| reach.files().count() <= affordable)
            .unwrap_or_else(|| within(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(files: &[(&str, &str)], expected: &[bool]) {
        let scans: Vec<Option<Scan>> = files
            .iter()
            .map(|(path, text)| Some(Scan::of(path, text.as_bytes())))
            .collect();
        assert_eq!(Reach::of(&Users::of(&scans)).concerned, expected);
    }

    #[test]
    fn files_between_a_coroutine_and_what_blocks_are_concerned() {
        let main = (
            "main.py",
            "import service\nasync def handler(n):\n    return service.report(n)\n",
        );
        let service = (
            "service.py",
            "from db import query\ndef report(n): return {'n': query(n)}\n",
        );
        let sleeps = ("db.py", "import time\ndef query(n):\n    time.sleep(1)\n");
        let harmless = ("db.py", "import time\ndef query(n):\n    return n\n");
        let stranger = ("other.py", "def query(n):\n    return report(n)\n");
        check(&[main, service, sleeps, stranger], &[true, true, true, false]);
        check(&[main, service, harmless], &[false, false, false]);
        check(&[service, sleeps], &[false, false]);
    }

    #[test]
    fn lines_of_strings_neither_define_nor_end_functions() {
        let text = |string: &str| {
            format!(
                "import time\ndef f():\n    x = \"\"\"\n{string}\n\"\"\"\n    time.sleep(1)\nasync def g():\n    f()\n"
            )
        };
        assert!(may_block_within(text("class A:\n    def f(self): ...").as_bytes()));
        assert!(may_block_within(text("SELECT count(*) FROM y").as_bytes()));
        // Which quotes open a string cannot be told.
        let odd = text("class A:").replacen("x = ", "x = 1  # ", 1);
        assert!(!may_block_within(
            odd.replacen("\"\"\"\n    time", "\n    time", 1).as_bytes()
        ));
    }

    #[test]
    fn a_text_alone_is_looked_at_by_function() {
        let inner = b"import time\ndef f():\n    time.sleep(1)\nasync def g():\n    def h():\n        pass\n    f()\n";
        assert!(may_block_within(inner));
        let property = b"import time\nclass C:\n    @property\n    def p(self):\n        time.sleep(1)\nasync def g(c: C):\n    return c.p\n";
        assert!(may_block_within(property));
        let apart = b"import time\ndef f():\n    time.sleep(1)\nasync def g():\n    pass\nf()\n";
        assert!(!may_block_within(apart));
    }
}
