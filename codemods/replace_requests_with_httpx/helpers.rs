//! Small functions that do what requests did and httpx does not: written into the module once, in front of the first definition that
//! calls them, where a rewrite needs them to send or read the same bytes.

use ruff_python_ast::AnyNodeRef;
use ruff_text_size::{Ranged, TextRange, TextSize};

use super::Conversion;
use crate::finding::Declined;
use crate::importer::Import;
use crate::semantic::{BindingKind, NodeId, ScopeId};

pub(super) struct Helper {
    keyword: &'static str,
    name: &'static str,
    imports: &'static [Import],
    /// The definition behind its name, with `{0}` for the name of the first import.
    text: &'static str,
}

pub(super) const TEXT: Helper = Helper {
    keyword: "def",
    name: "_text",
    imports: &[],
    text: r#"(response):
    """The text as requests decodes it: ISO-8859-1 for a text without a charset."""
    kind = response.headers.get("content-type", "").partition(";")[0]
    if response.charset_encoding is None and "text" in kind:
        return response.content.decode("iso-8859-1")
    return response.text
"#,
};

pub(super) const FRESH: Helper = Helper {
    keyword: "def",
    name: "_fresh",
    imports: &[],
    text: r#"(client):
    """The client without the cookies of earlier answers: requests starts with none."""
    client.cookies.clear()
    return client
"#,
};

pub(super) const WITH_PARAMS: Helper = Helper {
    keyword: "def",
    name: "_with_params",
    imports: &[Import::Member("urllib.parse", "urlencode")],
    text: r##"(url, params):
    """Add parameters to a URL as requests does: without None, behind a query that is there."""
    if not params:
        return url
    if isinstance(params, (str, bytes)):
        query = params.decode() if isinstance(params, bytes) else params
    else:
        pairs = []
        for key, value in params.items() if hasattr(params, "items") else params:
            if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
                value = [value]
            pairs.extend((key, item) for item in value if item is not None)
        query = {0}(pairs)
    if not query:
        return url
    url, hash_sign, fragment = url.partition("#")
    return url + ("&" if "?" in url else "?") + query + hash_sign + fragment
"##,
};

pub(super) const ITER_LINES: Helper = Helper {
    keyword: "async def",
    name: "_iter_lines",
    imports: &[],
    text: r#"(response, chunk_size=512, delimiter=None):
    """The lines of a streamed response as requests gives them: as bytes."""
    pending = None
    async for chunk in response.aiter_bytes(chunk_size):
        if pending is not None:
            chunk = pending + chunk
        lines = chunk.split(delimiter) if delimiter else chunk.splitlines()
        if lines and lines[-1] and chunk and lines[-1][-1] == chunk[-1]:
            pending = lines.pop()
        else:
            pending = None
        for line in lines:
            yield line
    if pending is not None:
        yield pending
"#,
};

impl<'a> Conversion<'_, 'a> {
    /// The name of a helper, which is there already or will be written.
    pub(super) fn helper(&mut self, helper: &'static Helper) -> Result<String, Declined> {
        let model = self.ctx.model;
        let at = self.function.body.first().map_or(NodeId(0), |stmt| model.id(stmt));
        let first = match helper.imports {
            [import, ..] => self.import(import.clone(), at)?,
            [] => String::new(),
        };
        let text = helper.text.replace("{0}", &first);
        let binding_of = |name: &str| {
            let mut bindings = model.bindings_in(ScopeId::MODULE, name);
            let first = bindings.next();
            (first.map(|binding| binding.kind), bindings.next().is_some())
        };
        let names =
            std::iter::once(helper.name.to_owned()).chain((2..).map(|number| format!("{}_{number}", helper.name)));
        for name in names {
            let definition = format!("{} {name}{text}", helper.keyword);
            match binding_of(&name) {
                (None, _) => {
                    let is_taken = model.references_named(&name).next().is_some()
                        || model.bindings().iter().any(|binding| binding.name == name);
                    if is_taken {
                        continue;
                    }
                    if self.helpers.insert(name.clone()) {
                        let offset = self.above_definition();
                        self.draft.insert(offset, format!("{definition}\n\n"));
                    }
                    return Ok(name);
                }
                (Some(BindingKind::Function(function)), false)
                    if model.slice(function).replace("\r\n", "\n") == definition.trim_end() =>
                {
                    return Ok(name);
                }
                _ => {}
            }
        }
        Err("no name is free for a helper function".into())
    }

    /// The start of the line above which the definition at module level begins that the function belongs to, its comments included.
    fn above_definition(&self) -> TextSize {
        let model = self.ctx.model;
        let module = self.ctx.module;
        let id = self.region;
        let outermost = std::iter::once((id, model.node(id)))
            .chain(model.ancestors(id))
            .filter(|(_, node)| node.is_statement() && !matches!(node, AnyNodeRef::ModModule(_)))
            .last();
        let start = outermost.map_or_else(|| self.function.start(), |(_, node)| node.start());
        let mut offset = module.line_start(start);
        while offset > TextSize::default() {
            let above = module.line_start(offset - TextSize::from(1));
            if !module.text()[TextRange::new(above, offset)].starts_with('#') {
                break;
            }
            offset = above;
        }
        offset
    }
}
