//! The map: what running each function of one file does, with the calls left open that the project is to resolve.

use std::collections::BTreeSet;

use memchr::memmem;
use ruff_python_ast::{self as ast, AnyNodeRef, Expr, Stmt};
use ruff_python_stdlib::identifiers::is_identifier;
use ruff_text_size::TextSize;

use super::{Call, Effects, FunctionEffects, Shape};
use crate::project::colouring::usage::keyword_replacements;
use crate::project::summarise::Mapper;
use crate::semantic::NodeId;
use crate::semantic::effects::linked::Pending;
use crate::semantic::types::{Type, TypeOracle};

/// What a file says of the effects of its functions, and of its classes.
pub(in crate::project) fn effects(mapper: &Mapper) -> Effects {
    let model = mapper.ctx.model;
    let mut effects = Effects {
        functions: vec![None; mapper.summary.functions.len()],
        classes: vec![Shape::default(); mapper.summary.classes.len()],
        ..Effects::default()
    };
    for function in model.functions() {
        effects.functions[mapper.functions[&model.id(function)]] = Some(mapped(mapper, function));
    }
    for class in model.classes() {
        effects.classes[mapper.classes[&model.id(class)]] = shape(mapper, class);
    }
    let mut of_instances: BTreeSet<&str> = BTreeSet::new();
    let mut of_others: BTreeSet<&str> = BTreeSet::new();
    for store in model.attribute_stores() {
        match model.type_of(&store.value) {
            Type::Instance(class) => {
                let attributes = &mut effects.classes[mapper.classes[&model.id(class)]].attributes;
                attributes.insert(store.attr.to_string());
                of_instances.insert(&store.attr);
            }
            _ => {
                of_others.insert(&store.attr);
            }
        }
    }
    let text = mapper.ctx.module.text();
    let is_in_string = |name: &str| ['"', '\''].iter().any(|quote| text.contains(&format!("{name}{quote}")));
    // What an instance is given under a name is said with its class.
    let is_of_class = |name: &str| of_instances.contains(name) && !of_others.contains(name) && !is_in_string(name);
    for (name, line) in mapper.summary.usage.iter().flat_map(|usage| &usage.replaced) {
        let name = name.trim_start_matches('.');
        if !is_of_class(name) {
            effects.replaced.entry(name.to_owned()).or_insert(*line);
        }
    }
    disguised_replacements(mapper, &mut effects);
    effects
}

fn mapped<'a>(mapper: &Mapper<'_, 'a>, function: &'a ast::StmtFunctionDef) -> FunctionEffects {
    let mapped = mapper.ctx.model.mapped(function, mapper.ctx.settings);
    let line = |at: Option<TextSize>| at.map(|at| mapper.ctx.module.location(at).0);
    FunctionEffects {
        calls: mapped
            .calls
            .into_iter()
            .filter_map(|(id, pending)| call(mapper, id, pending))
            .collect(),
        unknown_line: line(mapped.unknown_at),
        doubt_line: line(mapped.doubt_at),
        code: mapped.code,
        own: mapped.own,
    }
}

/// Whether a text goes over the members of something and sets some of them: so modules and classes are traced.
pub fn instruments(text: &[u8]) -> bool {
    let ways: [&[u8]; 4] = [b"vars(", b"dir(", b"getmembers(", b"__dict__"];
    memmem::find(text, b"setattr(").is_some() && ways.iter().any(|way| memmem::find(text, way).is_some())
}

/// Replacements that are not written as a store to an attribute: keywords of `patch.multiple` and of the update of a module's names, what
/// stands in strings beside `sys.modules`, and loops that give members by computed names.
fn disguised_replacements(mapper: &Mapper, effects: &mut Effects) {
    let model = mapper.ctx.model;
    let goes_over_members = instruments(mapper.ctx.module.text().as_bytes());
    for call in model.calls() {
        for name in keyword_replacements(mapper.ctx, call) {
            effects.replaced.entry(name.to_owned()).or_insert(mapper.line(call));
        }
        let is_computed = |name: &Expr| !name.is_string_literal_expr();
        if model.is_builtin(&call.func, "setattr")
            && let [object, name, ..] = &*call.arguments.args
            && is_computed(name)
        {
            if goes_over_members {
                effects.instruments.get_or_insert(mapper.line(call));
            }
            changed_members(mapper, object, effects);
        }
    }
    for (object, name) in model.stores_by_dictionary() {
        match name {
            Some(name) => {
                effects.replaced.entry(name.to_owned()).or_insert(mapper.line(object));
            }
            None => changed_members(mapper, object, effects),
        }
    }
    for (_, node) in model.subtree(NodeId(0)) {
        let AnyNodeRef::ExprAttribute(attribute) = node else {
            continue;
        };
        if attribute.attr.as_str() != "modules" || model.written(&Expr::Attribute(attribute.clone())) != "sys.modules" {
            continue;
        }
        let Some((stmt, _)) = model.statement_of(model.id(attribute)) else {
            continue;
        };
        for (_, inside) in model.subtree(stmt) {
            if let AnyNodeRef::ExprStringLiteral(name) = inside {
                let name = name.value.to_str().to_owned();
                effects.replaced_modules.entry(name).or_insert(mapper.line(attribute));
            }
        }
    }
}

/// Members of an object get computed names: all of a module's or a class's may be meant, and of an object of which nothing is known those
/// whose names stand in strings of the file.
fn changed_members(mapper: &Mapper, object: &Expr, effects: &mut Effects) {
    let model = mapper.ctx.model;
    let line = mapper.line(object);
    let known = match model.type_of(object) {
        // Its own class says that it is not plain.
        Type::Instance(_) => return,
        Type::Foreign(class) => Some(class),
        _ => model.qualified_name(object),
    };
    if let Some(known) = known {
        effects.changed.entry(known).or_insert(line);
        return;
    }
    for (_, node) in model.subtree(NodeId(0)) {
        if let AnyNodeRef::ExprStringLiteral(name) = node
            && is_identifier(name.value.to_str())
        {
            effects.replaced.entry(name.value.to_string()).or_insert(line);
        }
    }
}

fn call(mapper: &Mapper, id: NodeId, pending: Pending) -> Option<Call> {
    let model = mapper.ctx.model;
    let attribute;
    let (callee, line): (&Expr, usize) = match model.node(id) {
        AnyNodeRef::ExprCall(call) => (&call.func, mapper.line(call)),
        AnyNodeRef::ExprAttribute(read) => {
            attribute = Expr::Attribute(read.clone());
            (&attribute, mapper.line(read))
        }
        _ => return None,
    };
    Some(Call {
        target: mapper.target(callee, 0),
        text: model.written(callee),
        line,
        may_overlap: may_overlap(mapper, id),
        pending,
    })
}

fn shape(mapper: &Mapper, class: &ast::StmtClassDef) -> Shape {
    let model = mapper.ctx.model;
    let mut attributes = BTreeSet::new();
    let mut assigned = BTreeSet::new();
    let mut defined = BTreeSet::new();
    for stmt in &class.body {
        let (target, value) = match stmt {
            Stmt::AnnAssign(field) => (&*field.target, field.value.as_deref()),
            Stmt::Assign(assign) if let [target] = assign.targets.as_slice() => (target, Some(&*assign.value)),
            Stmt::FunctionDef(method) => {
                // Of two definitions of one name, nothing is said.
                if !defined.insert(method.name.to_string()) {
                    assigned.insert(method.name.to_string());
                }
                continue;
            }
            Stmt::Expr(_) | Stmt::Pass(_) | Stmt::ClassDef(_) => continue,
            other => {
                for binding in model.bindings_within(model.id(other)) {
                    assigned.insert(binding.name.to_owned());
                }
                continue;
            }
        };
        let Expr::Name(name) = target else { continue };
        if value.is_none_or(|value| model.is_no_descriptor(value)) {
            attributes.insert(name.id.to_string());
        } else {
            assigned.insert(name.id.to_string());
        }
    }
    let base = |expr: &Expr| model.builtin(expr).is_some_and(|name| name != "object");
    Shape {
        is_plain: model.is_plain_by_itself(class) && !model.sets_any_attribute(),
        is_plainly_made: class.decorator_list.is_empty() || model.is_plain_dataclass(class),
        is_exception: class.bases().iter().any(|expr| {
            base(expr)
                && model
                    .builtin(expr)
                    .is_some_and(crate::semantic::effects::is_builtin_exception)
        }),
        attributes,
        assigned,
    }
}

/// Whether a call is awaited in a loop, or in a run of statements that await.
fn may_overlap(mapper: &Mapper, id: NodeId) -> bool {
    let model = mapper.ctx.model;
    let awaited = model.parent(id);
    if !model.node(awaited).is_expr_await() {
        return false;
    }
    let Some((stmt, _)) = model.statement_of(id) else {
        return false;
    };
    let is_inside = |node: AnyNodeRef| node.is_comprehension() || node.is_stmt_for() || node.is_expr_tuple();
    let inside = model.ancestors(id).take_while(|(_, node)| !node.is_stmt_function_def());
    if inside
        .into_iter()
        .any(|(_, node)| is_inside(node) || is_comprehension(node))
    {
        return true;
    }
    let Some((block, index)) = model.block_of(stmt) else {
        return false;
    };
    let awaits = |stmt: &Stmt| match stmt {
        Stmt::Expr(stmt) => stmt.value.is_await_expr(),
        Stmt::Assign(stmt) => stmt.value.is_await_expr(),
        _ => false,
    };
    let before = index.checked_sub(1).and_then(|before| block.get(before));
    before.into_iter().chain(block.get(index + 1)).any(awaits)
}

fn is_comprehension(node: AnyNodeRef) -> bool {
    matches!(
        node,
        AnyNodeRef::ExprListComp(_)
            | AnyNodeRef::ExprSetComp(_)
            | AnyNodeRef::ExprDictComp(_)
            | AnyNodeRef::ExprGenerator(_)
    )
}
