//! Names that only text spells: in type comments, in doctests, and in strings that somebody may look up.

use ruff_python_ast::{self as ast, AnyNodeRef, Expr};

use super::names::plain_name;
use super::{NodeId, SemanticModel};
use crate::glance::words_in;

/// Calls whose strings are types or names.
const READERS: &[&str] = &[
    "cast",
    "TypeVar",
    "NewType",
    "ForwardRef",
    "getattr",
    "hasattr",
    "setattr",
    "delattr",
    "object",
];

impl SemanticModel<'_> {
    /// Whether text of the module may mean what a name stands for: `# type: time.struct_time`, `>>> time.time()`,
    /// `cast("time.struct_time", x)`, `patch(f"{__name__}.time")`.
    pub fn is_spelled(&self, name: &str) -> bool {
        let has_word = |text: &str| words_in(text.as_bytes()).any(|word| word == name.as_bytes());
        let module = self.module();
        let is_type = |text: &&str| {
            let text = text.trim_start_matches(['#', ' ', '\t']);
            text.strip_prefix("type:")
                .is_some_and(|text| !text.trim_start().starts_with("ignore"))
        };
        let mut comments = module
            .comments()
            .iter()
            .map(|range| module.slice(*range))
            .filter(is_type);
        comments.any(has_word)
            || self.subtree(NodeId(0)).any(|(id, node)| match node {
                AnyNodeRef::ExprStringLiteral(string) => {
                    let text = string.value.to_str();
                    is_member_of(text, name)
                        || doctests(text).any(has_word)
                        || (self.is_read_as_name(id, string) && has_word(text))
                }
                AnyNodeRef::InterpolatedStringLiteralElement(part) => part
                    .value
                    .strip_prefix('.')
                    .is_some_and(|text| text == name || is_member_of(text, name)),
                _ => false,
            })
    }

    /// Whether a string is an argument of what reads types or names.
    fn is_read_as_name(&self, id: NodeId, string: &ast::ExprStringLiteral) -> bool {
        let call = self.ancestors(id).take(3).find_map(|(_, node)| match node {
            AnyNodeRef::ExprCall(call) => Some(call),
            _ => None,
        });
        call.is_some_and(|call| {
            let is_it = |argument: &Expr| {
                argument
                    .as_string_literal_expr()
                    .is_some_and(|other| std::ptr::eq(other, string))
            };
            plain_name(&call.func).is_some_and(|reader| READERS.contains(&reader))
                && call
                    .arguments
                    .iter_source_order()
                    .any(|argument| is_it(argument.value()))
        })
    }
}

/// Whether a text is a dotted name that begins with this one.
fn is_member_of(text: &str, name: &str) -> bool {
    let members = text.strip_prefix(name).and_then(|members| members.strip_prefix('.'));
    members.is_some_and(|members| members.split('.').all(is_word))
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && words_in(text.as_bytes())
            .next()
            .is_some_and(|word| word.len() == text.len())
}

/// The lines of a text that a doctest runs.
fn doctests(text: &str) -> impl Iterator<Item = &str> {
    let lines = text
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with(">>> ") || line.starts_with("... "));
    lines.filter(move |_| text.contains(">>> "))
}
