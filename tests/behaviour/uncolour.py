"""Takes the colour out of a program again, and compares with what it was before.

    python tests/behaviour/uncolour.py BEFORE AFTER              two files, or two folders
    python tests/behaviour/uncolour.py --tool ASYNCUP PATH...    colours copies of files or folders, each for itself
    python tests/behaviour/uncolour.py --selftest                compares pairs of its own

`color_call_graph` may only add colour: `async`, `await`, the asynchronous names of protocols, types and
test cases, one `asyncio.run` where the event loop starts, and the asynchronous form of what blocks. Without all
that, the syntax tree must be the one from before. Both trees are brought to the same plain form,
so that code which was asynchronous before is compared too; that none of its `async` and `await` got lost is
counted. Imports that only serve colour are not compared (a missing one fails when the program runs), all
others are. Each difference is printed with the file and the line, before and after.
With `--tool`, what is coloured must also be left alone by a second run.
Exit status: 0 equal, 1 not (or nothing was coloured), 2 bad usage.
"""

import argparse
import ast
import builtins
import difflib
import shutil
import subprocess
import sys
import tempfile
from collections import Counter, namedtuple
from pathlib import Path

Difference = namedtuple("Difference", "file before_line after_line before after")

# Names that differ in colour only.
PLAIN = {
    "asyncSetUp": "setUp",
    "asyncTearDown": "tearDown",
    "addAsyncCleanup": "addCleanup",
    "enterAsyncContext": "enterContext",
    "IsolatedAsyncioTestCase": "TestCase",
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "aiter": "iter",
    "anext": "next",
    "aclosing": "closing",
    "asynccontextmanager": "contextmanager",
    "AsyncExitStack": "ExitStack",
    "AsyncContextDecorator": "ContextDecorator",
    "enter_async_context": "enter_context",
    "push_async_exit": "push",
    "push_async_callback": "callback",
    "AbstractAsyncContextManager": "AbstractContextManager",
    "AsyncContextManager": "ContextManager",
    "AsyncGenerator": "Generator",
    "AsyncIterable": "Iterable",
    "AsyncIterator": "Iterator",
    "StopAsyncIteration": "StopIteration",
    "isasyncgen": "isgenerator",
    "AsyncMock": "Mock",
    "MagicMock": "Mock",
    "assert_awaited": "assert_called",
    "assert_awaited_once": "assert_called_once",
    "assert_awaited_with": "assert_called_with",
    "assert_awaited_once_with": "assert_called_once_with",
    "pytest_asyncio": "pytest",
}
# What is imported for the sake of colour. Of these modules every import is passed over, of the others only these names.
COLOUR_MODULES = {
    "asyncio",
    "functools",
    "time",
    "pytest",
    "pytest_asyncio",
    "unittest",
}
COLOUR_NAMES = {
    "collections.abc",
    "contextlib",
    "typing",
    "unittest",
    "unittest.mock",
}
# What makes mocks.
MOCKING = {"Mock", "object", "patch"}
WRAPPED = {"Awaitable": 0, "Coroutine": 2}
# Functions that read an iterable to its end at once: what a list comprehension does to them, a generator expression does as well.
EAGER = {
    "all",
    "any",
    "bytes",
    "deque",
    "dict",
    "extend",
    "frozenset",
    "join",
    "list",
    "max",
    "min",
    "set",
    "sorted",
    "sum",
    "tuple",
    "update",
}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--selftest", action="store_true")
    parser.add_argument("--tool", type=Path)
    parser.add_argument("paths", nargs="*", type=Path, metavar="PATH")
    options = parser.parse_args()
    if options.selftest:
        sys.exit(selftest())
    if not all(path.exists() for path in options.paths):
        parser.error("no such file or folder among the paths")
    if options.tool and options.paths:
        sys.exit(colour_and_compare(options.tool.resolve(), options.paths))
    if len(options.paths) != 2:
        parser.error("give the path before and the path after, --tool or --selftest")
    found = differences(*options.paths)
    for difference in found:
        print(shown(difference))
    sys.exit(bool(found))


def differences(before, after):
    """Every difference that is not colour, between two files or all Python files of two folders."""
    if before.is_file():
        return of_texts(before.name, before.read_bytes(), after.read_bytes())
    found = []
    for name in sorted(python_files(before) | python_files(after)):
        texts = [
            path.read_bytes() if path.exists() else b""
            for path in (before / name, after / name)
        ]
        if texts[0] != texts[1]:
            found += of_texts(str(name), *texts)
    return found


def colour_and_compare(tool, paths):
    """Colours each path for itself; 1 when a round trip is not equal or nothing was coloured."""
    coloured = wrong = 0
    for path in paths:
        with tempfile.TemporaryDirectory(prefix="asyncup-uncolour-") as folder:
            copies = [Path(folder) / side / path.name for side in ("before", "after")]
            for copy in copies:
                copy.parent.mkdir()
                (shutil.copytree if path.is_dir() else shutil.copy)(path, copy)
            after = copies[1]
            apply(tool, after)
            changed = contents(copies[0]) != contents(after)
            found = differences(*copies)
            for difference in found:
                print(shown(difference))
            once = contents(after)
            apply(tool, after)
            settled = contents(after) == once
            if not settled:
                print("%s: a second run rewrites again" % path)
        coloured += changed
        wrong += bool(found) or not settled
    print("%d programs, %d coloured, %d wrong" % (len(paths), coloured, wrong))
    return int(bool(wrong) or not coloured)


def apply(tool, path):
    command = [tool, "apply", "--isolated", "--no-cache", "--target-version", "py311"]
    command += ["--select", "color_call_graph", "--unsafe-fixes", path]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit("asyncup ended with %d:\n%s" % (done.returncode, done.stderr))


def contents(path):
    files = (
        [path]
        if path.is_file()
        else [path / name for name in sorted(python_files(path))]
    )
    return [file.read_bytes() for file in files]


def python_files(folder):
    paths = (path.relative_to(folder) for path in folder.rglob("*.py"))
    return {path for path in paths if not any(p.startswith(".") for p in path.parts)}


def shown(difference):
    name, was, now, before, after = difference
    lines = ["%s:%s -> %s" % (name, was or "-", now or "-")]
    lines += ["    - " + line for line in before.splitlines()]
    lines += ["    + " + line for line in after.splitlines()]
    return "\n".join(lines)


def of_texts(name, before, after):
    """The differences of two texts of one file. A text that no longer parses is one."""
    try:
        old = ast.parse(before)
    except SyntaxError:  # A file of another Python: nothing of it may change.
        return [Difference(name, 1, 1, "no valid Python", "changed")]
    try:
        new = ast.parse(after)
    except SyntaxError as error:
        return [Difference(name, None, error.lineno, "", "SyntaxError: " + error.msg)]
    found = [Difference(name, None, None, what, "") for what in lost_colour(old, new)]
    old, new = plain(old), plain(new)
    found += imports_that_differ(name, old, new)
    compare_bodies(name, without_imports(old), without_imports(new), found)
    return found


def lost_colour(old, new):
    """Code that was asynchronous before must still be."""

    def colours(tree):
        kinds = (ast.AsyncFunctionDef, ast.AsyncFor, ast.AsyncWith, ast.Await)
        for node in ast.walk(tree):
            if isinstance(node, ast.AsyncFunctionDef):
                yield "async def " + node.name
            elif isinstance(node, kinds):
                yield type(node).__name__

    missing = Counter(colours(old)) - Counter(colours(new))
    return ["%s lost %d times" % item for item in sorted(missing.items())]


def plain(tree):
    """The tree without its colour. The one given is used up."""
    tree = Plain(Bindings(tree)).visit(tree)
    return ast.fix_missing_locations(tree)


class Bindings:
    """What a module calls `asyncio`, `time` and what they have."""

    def __init__(self, tree):
        self.names = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in ("asyncio", "time"):
                        self.names[alias.asname or alias.name] = alias.name
            elif isinstance(node, ast.ImportFrom) and not node.level:
                if node.module in ("asyncio", "time"):
                    for alias in node.names:
                        full = node.module + "." + alias.name
                        self.names[alias.asname or alias.name] = full

    def of(self, node):
        """`asyncio.sleep` for whatever spelling of it."""
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            value = self.of(node.value)
            return value and value + "." + node.attr
        return None


def is_bare_mock(node):
    return isinstance(node, ast.Call) and last_name(node.func) == "Mock" and not node.args and not node.keywords


class Plain(ast.NodeTransformer):
    def __init__(self, bindings):
        self.bindings = bindings

    # Children first: every method sees a plain inside.

    def visit_Await(self, node):
        self.generic_visit(node)
        return node.value

    def visit_AsyncFunctionDef(self, node):
        return self.visit_FunctionDef(recast(ast.FunctionDef, node))

    def visit_FunctionDef(self, node):
        node.body = self.inline_runners(node.body)
        if is_generator(node):
            node.body = ReturnsNothing().body(node.body)
        node.returns = self.annotation(node.returns)
        node.decorator_list = [d for d in node.decorator_list if not is_marker(d)]
        self.generic_visit(node)
        node.name = PLAIN.get(node.name, node.name)
        return node

    def visit_Module(self, node):
        node.body = [
            statement for statement in node.body if not is_pytestmark(statement)
        ]
        node.body = self.inline_runners(node.body)
        return self.generic_visit(node)

    def visit_If(self, node):
        node.body = self.inline_runners(node.body)
        return self.generic_visit(node)

    def visit_AsyncFor(self, node):
        return self.visit_For(recast(ast.For, node))

    def visit_For(self, node):
        self.generic_visit(node)
        if (
            isinstance(node.target, ast.Name)
            and not node.orelse
            and len(node.body) == 1
            and isinstance(node.body[0], ast.Expr)
            and isinstance(node.body[0].value, ast.Yield)
            and is_name(node.body[0].value.value, node.target.id)
        ):
            value = ast.copy_location(ast.YieldFrom(value=node.iter), node)
            return ast.copy_location(ast.Expr(value=value), node)
        return node

    def visit_AsyncWith(self, node):
        return self.generic_visit(recast(ast.With, node))

    def visit_comprehension(self, node):
        node.is_async = 0
        return self.generic_visit(node)

    def visit_ListComp(self, node):
        self.generic_visit(node)
        return called(node, "list", of_itself(node)) if of_itself(node) else node

    def visit_SetComp(self, node):
        self.generic_visit(node)
        return called(node, "set", of_itself(node)) if of_itself(node) else node

    def visit_Starred(self, node):
        self.generic_visit(node)
        node.value = read_to_its_end(node.value)
        return node

    def visit_Assign(self, node):
        self.generic_visit(node)
        if any(isinstance(target, (ast.Tuple, ast.List)) for target in node.targets):
            node.value = read_to_its_end(node.value)
        return node

    def visit_AnnAssign(self, node):
        node.annotation = self.annotation(node.annotation)
        return self.generic_visit(node)

    def visit_arg(self, node):
        node.annotation = self.annotation(node.annotation)
        return self.generic_visit(node)

    def visit_Subscript(self, node):
        self.generic_visit(node)
        name = last_name(node.value)
        if name in WRAPPED:
            return inner(node.slice, WRAPPED[name])
        if name == "Generator":
            parts = (
                node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
            )
            nothing = [ast.Constant(value=None)] * (3 - len(parts))
            node.slice = ast.Tuple(elts=[*parts, *nothing], ctx=ast.Load())
        return node

    def visit_Name(self, node):
        full = self.bindings.of(node)
        if full and "." in full:
            return ast.copy_location(dotted(full), node)
        node.id = PLAIN.get(node.id, node.id)
        return node

    def visit_Attribute(self, node):
        full = self.bindings.of(node)
        if full:
            return ast.copy_location(dotted(full), node)
        self.generic_visit(node)
        node.attr = PLAIN.get(node.attr, node.attr)
        return node

    def visit_alias(self, node):
        node.name = PLAIN.get(node.name, node.name)
        return node

    def visit_Expr(self, node):
        self.generic_visit(node)
        call = node.value
        if (
            isinstance(call, ast.Call)
            and last_name(call.func) in ("assertRaises", "raises")
            and len(call.args) > 1
        ):
            error, function, *args = call.args
            item = ast.withitem(
                context_expr=ast.Call(func=call.func, args=[error], keywords=[])
            )
            body = ast.Call(func=function, args=args, keywords=call.keywords)
            statement = ast.Expr(value=self.unwrapped(body))
            for part in (item.context_expr, body, statement):
                ast.copy_location(part, node)
            return ast.copy_location(ast.With(items=[item], body=[statement]), node)
        return node

    def visit_Call(self, node):
        is_awaited_mock = last_name(node.func) == "AsyncMock"
        self.generic_visit(node)
        if last_name(node.func) in MOCKING or is_awaited_mock:
            # What a mock gives by itself, said.
            said = [keyword.arg == "return_value" and is_bare_mock(keyword.value) for keyword in node.keywords]
            node.keywords = [keyword for keyword, is_said in zip(node.keywords, said) if not is_said]
        if is_awaited_mock and not node.args and len(node.keywords) == 1:
            # A mock that does what a lambda does.
            effect = node.keywords[0]
            if effect.arg == "side_effect" and isinstance(effect.value, ast.Lambda):
                return effect.value
        return self.unwrapped(node)

    def visit_Lambda(self, node):
        """A function that calls another one with all that it is given is that one."""
        self.generic_visit(node)
        call, given = node.body, node.args
        if (
            isinstance(call, ast.Call)
            and given.vararg
            and given.kwarg
            and not (given.posonlyargs or given.args or given.kwonlyargs)
            and ast.unparse(ast.Tuple(elts=[*call.args, *[keyword.value for keyword in call.keywords if keyword.arg is None]]))
            == f"(*{given.vararg.arg}, {given.kwarg.arg})"
            and len(call.keywords) == 1
        ):
            return call.func
        return node

    def unwrapped(self, node):
        """A call in the form that it had before: leaves, the start of the loop, comprehensions."""
        name, args = spelled(node.func), node.args
        if name and name.endswith(".__next__") and not args and not node.keywords:
            step = ast.copy_location(ast.Name(id="next", ctx=ast.Load()), node)
            return ast.copy_location(ast.Call(func=step, args=[node.func.value], keywords=[]), node)
        if name == "asyncio.run" and len(args) == 1 and not node.keywords:
            return args[0]
        if name == "asyncio.sleep" and len(args) == 1:
            node.func = ast.copy_location(dotted("time.sleep"), node.func)
        elif name == "asyncio.to_thread" and args:
            moved = ast.Call(func=args[0], args=args[1:], keywords=node.keywords)
            return self.unwrapped(ast.copy_location(moved, node))
        elif name and name.endswith(".run_in_executor") and len(args) > 1:
            function, *rest = args[1:]
            moved = ast.Call(func=function, args=rest, keywords=[])
            if isinstance(function, ast.Call) and last_name(function.func) == "partial":
                moved.func, *moved.args = function.args + rest
                moved.keywords = function.keywords
            return self.unwrapped(ast.copy_location(moved, node))
        elif last_name(node.func) in EAGER and args:
            return eager(node)
        return node

    def annotation(self, node):
        """An annotation; one in quotes as what it says."""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                return ast.copy_location(ast.parse(node.value, mode="eval").body, node)
            except SyntaxError:
                return node
        return node

    def inline_runners(self, body):
        """`async def run(): BODY` and `return asyncio.run(run())` below it become BODY."""
        result = []
        for statement in body:
            runner = result[-1] if result else None
            if (
                isinstance(runner, ast.AsyncFunctionDef)
                and not ast.unparse(runner.args)
                and not runner.decorator_list
                and isinstance(statement, (ast.Expr, ast.Return))
                and isinstance(statement.value, ast.Call)
                and self.bindings.of(statement.value.func) == "asyncio.run"
                and len(statement.value.args) == 1
                and isinstance(statement.value.args[0], ast.Call)
                and is_name(statement.value.args[0].func, runner.name)
            ):
                result[-1:] = runner.body
            else:
                result.append(statement)
        return result


class ReturnsNothing(ast.NodeTransformer):
    """What a generator returns, where nobody can get it: `return x` becomes `x` and `return`."""

    def body(self, statements):
        return [part for stmt in statements for part in self.parts(stmt)]

    def parts(self, stmt):
        found = self.visit(stmt)
        return found if isinstance(found, list) else [found]

    def visit_FunctionDef(self, node):
        return node

    visit_AsyncFunctionDef = visit_ClassDef = visit_FunctionDef

    def visit_Return(self, node):
        if node.value is None:
            return node
        nothing = ast.copy_location(ast.Return(value=None), node)
        if isinstance(node.value, (ast.Constant, ast.Name)):
            return nothing
        return [ast.copy_location(ast.Expr(value=node.value), node), nothing]


def is_generator(function):
    """Whether a function has a `yield` of its own."""
    open_nodes = list(function.body)
    while open_nodes:
        node = open_nodes.pop()
        if isinstance(node, (ast.Yield, ast.YieldFrom)):
            return True
        if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)):
            open_nodes += ast.iter_child_nodes(node)
    return False


def recast(kind, node):
    fields = {name: getattr(node, name, None) for name in kind._fields}
    return ast.copy_location(kind(**fields), node)


def dotted(full):
    first, *rest = full.split(".")
    node = ast.Name(id=first, ctx=ast.Load())
    for name in rest:
        node = ast.Attribute(value=node, attr=name, ctx=ast.Load())
    return node


def spelled(node):
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        value = spelled(node.value)
        return (value or "?") + "." + node.attr
    return None


def last_name(node):
    return getattr(node, "attr", None) or getattr(node, "id", None)


def is_name(node, name):
    return isinstance(node, ast.Name) and node.id == name


def is_marker(node):
    """`@pytest.mark.asyncio`, `@pytest.mark.anyio`, with or without arguments."""
    node = node.func if isinstance(node, ast.Call) else node
    return (spelled(node) or "").endswith(("mark.asyncio", "mark.anyio"))


def is_pytestmark(statement):
    return (
        isinstance(statement, ast.Assign)
        and is_name(statement.targets[0], "pytestmark")
        and is_marker(statement.value)
    )


def inner(node, place):
    if isinstance(node, ast.Tuple):
        return node.elts[place] if place < len(node.elts) else node
    return node


def of_itself(node):
    """What `[x for x in it]` copies, else None."""
    first = node.generators[0]
    same = (
        len(node.generators) == 1
        and not first.ifs
        and ast.dump(node.elt) == ast.dump(first.target).replace("Store()", "Load()")
    )
    return first.iter if same else None


def called(node, name, argument):
    call = ast.Call(
        func=ast.Name(id=name, ctx=ast.Load()), args=[argument], keywords=[]
    )
    return eager(ast.copy_location(call, node))


def read_to_its_end(node):
    """Where an iterable is unpacked, a list of it is the same."""
    if (
        isinstance(node, ast.Call)
        and is_name(node.func, "list")
        and len(node.args) == 1
    ):
        return node.args[0]
    if isinstance(node, ast.ListComp):
        return recast(ast.GeneratorExp, node)
    return node


def eager(node):
    """One form for a call that reads its only iterable to the end."""
    name, argument = last_name(node.func), node.args[0]
    argument = read_to_its_end(argument)
    if isinstance(argument, ast.GeneratorExp) and of_itself(argument):
        argument = of_itself(argument)
    node.args[0] = argument
    if (
        isinstance(node.func, ast.Name)
        and hasattr(builtins, name)
        and len(node.args) == 1
    ):
        kinds = {"list": ast.ListComp, "set": ast.SetComp}
        if (
            name in kinds
            and isinstance(argument, ast.GeneratorExp)
            and not node.keywords
        ):
            return recast(kinds[name], argument)
    return node


def imported(tree):
    """Each imported name that does not serve colour alone, with a place where it is imported."""
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] not in COLOUR_MODULES:
                    found[alias.name, alias.asname] = node.lineno
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            if module in COLOUR_MODULES | COLOUR_NAMES:
                continue
            for alias in node.names:
                found[module + ":" + alias.name, alias.asname] = node.lineno
    return found


def imports_that_differ(name, old, new):
    was, now = imported(old), imported(new)
    for key in sorted(was.keys() - now.keys(), key=str):
        yield Difference(name, was[key], None, "import %s as %s" % key, "")
    for key in sorted(now.keys() - was.keys(), key=str):
        yield Difference(name, None, now[key], "", "import %s as %s" % key)


def without_imports(tree):
    class Drop(ast.NodeTransformer):
        def visit_Import(self, node):
            return None

        visit_ImportFrom = visit_Import

    return Drop().visit(tree)


def compare_bodies(name, old, new, found):
    """Compares two nodes with statements inside; differences are narrowed to single statements."""
    for field in old._fields:
        left, right = getattr(old, field, None), getattr(new, field, None)
        blocks = isinstance(left, list) and isinstance(right, list)
        if not blocks or not any(has_statements(n) for n in left + right):
            if dumped(left) != dumped(right):
                found.append(difference(name, old, new, left, right))
            continue
        keys = [[dumped(node) for node in nodes] for nodes in (left, right)]
        matcher = difflib.SequenceMatcher(None, *keys, autojunk=False)
        for tag, a, b, c, d in matcher.get_opcodes():
            if tag == "equal":
                continue
            if tag == "replace" and b - a == d - c:
                for one, other in zip(left[a:b], right[c:d]):
                    compare_nodes(name, one, other, found)
            else:
                found.append(difference(name, old, new, left[a:b], right[c:d]))


def compare_nodes(name, old, new, found):
    if dumped(old) == dumped(new):
        return
    if (
        type(old) is type(new)
        and has_statements(old)
        and any(
            isinstance(getattr(old, f, None), list)
            for f in ("body", "handlers", "cases")
        )
    ):
        compare_bodies(name, old, new, found)
    else:
        found.append(difference(name, old, new, old, new))


def has_statements(node):
    return isinstance(
        node, (ast.stmt, ast.excepthandler, getattr(ast, "match_case", ()))
    )


def dumped(part):
    if isinstance(part, list):
        return [dumped(node) for node in part]
    return ast.dump(part) if isinstance(part, ast.AST) else repr(part)


def difference(name, old, new, left, right):
    places, texts = [], []
    for owner, part in ((old, left), (new, right)):
        nodes = part if isinstance(part, list) else [part]
        nodes = [node for node in nodes if isinstance(node, ast.AST)]
        places.append(
            next(
                (n.lineno for n in nodes if hasattr(n, "lineno")),
                getattr(owner, "lineno", None),
            )
        )
        texts.append(
            "\n".join(written(node) for node in nodes) if nodes else str(part or "")
        )
    return Difference(name, *places, *texts)


def written(node):
    try:
        return ast.unparse(ast.fix_missing_locations(node))
    except (AttributeError, ValueError):
        return ast.dump(node)


# Pairs for --selftest: what only colour separates, and what more than colour separates.
EQUAL = {
    "a leaf, an alias of its module, the start of the loop": (
        """
import sys, time as t
def leaf(): t.sleep(1); return 1
def main(): return not leaf() or [leaf() for _ in "ab"]
if __name__ == "__main__":
    sys.exit(main())
""",
        """
import asyncio
import sys
async def leaf(): await asyncio.sleep(1); return 1
async def main(): return not await leaf() or [await leaf() for _ in "ab"]
if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
""",
    ),
    "a leaf in a thread, imported by name": (
        "from requests import get\nfrom time import sleep\n"
        "def f(u): sleep(1); return get(u, timeout=3).json()['a']\n",
        "import asyncio\nfrom requests import get\n"
        "async def f(u): await asyncio.sleep(1); return (await asyncio.to_thread(get, u, timeout=3)).json()['a']\n",
    ),
    "a leaf in a thread, before Python 3.9": (
        "import requests\ndef f(u): return requests.get(u, timeout=3)\n",
        "import asyncio, functools, requests\n"
        "async def f(u): return await asyncio.get_running_loop().run_in_executor(None, functools.partial(requests.get, u, timeout=3))\n",
    ),
    "generators and those who read them": (
        """
from typing import Generator, Iterator
def a() -> Iterator[int]: yield 1
def b() -> Generator[int, None, None]: yield from a()
def c():
    x, y = b()
    return list(a()), sorted(b(), key=str), {*a()}, sum(f(i) for i in a()), ",".join(str(i) for i in b()), {i: 1 for i in a()}
""",
        """
from typing import AsyncGenerator, AsyncIterator
async def a() -> AsyncIterator[int]: yield 1
async def b() -> AsyncGenerator[int, None]:
    async for item in a():
        yield item
async def c():
    x, y = [i async for i in b()]
    return [i async for i in a()], sorted([i async for i in b()], key=str), {*[i async for i in a()]}, sum([f(i) async for i in a()]), ",".join([str(i) async for i in b()]), {i: 1 async for i in a()}
""",
    ),
    "one element, and a generator that returns a value": (
        """
from collections import deque
def a():
    yield 1
    if x: return 5
    return fail(2)
def b(): return next(a()), deque(a())
""",
        """
from collections import deque
async def a():
    yield 1
    if x: return
    fail(2)
    return
async def b(): return await a().__anext__(), deque([i async for i in a()])
""",
    ),
    "protocols": (
        """
class P:
    def __iter__(self): return self
    def __next__(self): raise StopIteration
    def __enter__(self): return self
    def __exit__(self, *e): pass
def f():
    with P() as p:
        for x in p: print(x)
""",
        """
class P:
    def __aiter__(self): return self
    async def __anext__(self): raise StopAsyncIteration
    async def __aenter__(self): return self
    async def __aexit__(self, *e): pass
async def f():
    async with P() as p:
        async for x in p: print(x)
""",
    ),
    "annotations, also in quotes": (
        "from typing import Callable\ndef f(g: Callable[[int], str], h: 'Iterator[int]') -> 'Callable[[], int]': return g(1)\n",
        "from typing import Awaitable, Callable\nasync def f(g: Callable[[int], Awaitable[str]], h: 'AsyncIterator[int]') -> 'Callable[[], Awaitable[int]]': return await g(1)\n",
    ),
    "tests": (
        """
import unittest
class T(unittest.TestCase):
    def setUp(self): self.x = get()
    def test_a(self): self.assertRaises(ValueError, get, 1, key=2)
def test_b():
    with raises(ValueError): get()
""",
        """
import unittest
import pytest
class T(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self): self.x = await get()
    async def test_a(self):
        with self.assertRaises(ValueError): await get(1, key=2)
@pytest.mark.asyncio
async def test_b():
    with raises(ValueError): await get()
""",
    ),
    "mocks": (
        """
from unittest.mock import MagicMock, patch
def test(m):
    c.get = MagicMock()
    c.put = lambda x: x
    m.setattr(c, "cut", MagicMock(return_value=1))
    with patch.object(c, "sum"): run(c.get, 1)
""",
        """
import asyncio
from unittest.mock import AsyncMock, MagicMock, patch
async def test(m):
    c.get = AsyncMock(return_value=MagicMock())
    c.put = AsyncMock(side_effect=lambda x: x)
    m.setattr(c, "cut", AsyncMock(return_value=1))
    with patch.object(c, "sum", return_value=MagicMock()): run(lambda *args, **kwargs: asyncio.run(c.get(*args, **kwargs)), 1)
""",
    ),
    "a bridge with a function of its own": (
        "@command\ndef handler(name):\n    a = get(name)\n    return put(a)\n",
        "import asyncio\n@command\ndef handler(name):\n    async def run():\n        a = await get(name)\n        return await put(a)\n    return asyncio.run(run())\n",
    ),
    "what was asynchronous before": (
        "import asyncio\nasync def f():\n    await asyncio.sleep(1)\n    async with a: return g()\n",
        "import asyncio\nasync def f():\n    await asyncio.sleep(1)\n    async with a: return await g()\n",
    ),
}
DIFFERENT = {
    "what a mock gives": ("c.get = Mock(return_value=1)\n", "c.get = AsyncMock(return_value=2)\n"),
    "what a lambda hands on": ("run(f)\n", "run(lambda *args, **kwargs: f(*args, 1, **kwargs))\n"),
    "an argument lost": ("def f(): g(1, 2)\n", "async def f(): await g(1)\n"),
    "a statement lost": (
        "def f():\n    g()\n    h()\n",
        "async def f():\n    await g()\n",
    ),
    "precedence": (
        "def f(): return g()['a']\n",
        "async def f(): return await g['a']()\n",
    ),
    "another order": (
        "def f():\n    g()\n    h()\n",
        "async def f():\n    await h()\n    await g()\n",
    ),
    "an import lost": (
        "import os\nimport time\nos.x()\n",
        "import asyncio\nos.x()\n",
    ),
    "an await lost": (
        "async def f(): await g()\n",
        "async def f(): g()\n",
    ),
    "a returned value that somebody gets": (
        "def f():\n    return g()\n",
        "def f():\n    g()\n    return\n",
    ),
    "a default changed": ("def f(a=1): g()\n", "async def f(a=2): await g()\n"),
    "a decorator lost": ("@d\ndef f(): g()\n", "async def f(): await g()\n"),
    "a comprehension of more than itself": (
        "def f(): return sum(x for x in g() if x)\n",
        "async def f(): return sum([x async for x in g()])\n",
    ),
    "an annotation changed": (
        "def f() -> int: return 1\n",
        "async def f() -> Awaitable[str]: return 1\n",
    ),
    "another time": (
        "import time\ndef f(): time.sleep(1)\n",
        "import asyncio\nasync def f(): await asyncio.sleep(0)\n",
    ),
    "not valid": ("def f(): g()\n", "def f(): await await\n"),
}


def selftest():
    wrong = 0
    for name, (before, after) in EQUAL.items():
        for was, now in ((before, after), (before, before), (after, after)):
            found = of_texts(name, was.encode(), now.encode())
            wrong += bool(found)
            for one in found:
                print("must be equal: " + shown(one))
    for name, (before, after) in DIFFERENT.items():
        if not of_texts(name, before.encode(), after.encode()):
            wrong += 1
            print("must differ: " + name)
    print("%d pairs, %d wrong" % (len(EQUAL) + len(DIFFERENT), wrong))
    return bool(wrong)


if __name__ == "__main__":
    main()
