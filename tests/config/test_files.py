"""The files of a configuration, merged into one document."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.config.reading import problems
from tracegate.config.document import Node
from tracegate.config.files import Reader
from tracegate.config.problems import Position

KEY = '"sha256:' + "0" * 63


def read(folder: Path, files: dict[str, str], env: dict[str, str] | None = None) -> tuple[Node, list[str]]:
    """The document of `main.yaml` among files, and what is wrong with it."""
    for name, text in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    reader = Reader(env or {})
    root = reader.read(str(folder / "main.yaml"))
    return root, [str(problem).replace(f"{folder}/", "") for problem in reader.problems]


def test_a_file_is_read_with_its_variables_replaced(tmp_path: Path) -> None:
    """Everywhere in values, never in keys; a mark of the byte order is skipped."""
    root, wrong = read(tmp_path, {"main.yaml": '\ufeffa: {"${X}": ["${X}"]}\nb: $$$$'}, {"X": "x: 1"})
    assert root.plain() == {"a": {"${X}": ["x: 1"]}, "b": "$$"}
    assert wrong == []


def test_an_alias_is_replaced_once(tmp_path: Path) -> None:
    """It is one value in two places."""
    root, _ = read(tmp_path, {"main.yaml": "a: &a $$$$\nb: *a"})
    assert root.plain() == {"a": "$$", "b": "$$"}


def test_keys_that_begin_with_x_are_a_place_for_anchors(tmp_path: Path) -> None:
    """Whatever stands there is not looked at."""
    root, wrong = read(tmp_path, {"main.yaml": "x-a: &a {b: 1, c: '${NONE}'}\nx-b:\nlimits: {d: 1}\n"})
    assert root.plain() == {"limits": {"d": 1}}
    assert wrong == []


def test_a_file_of_comments_or_null_is_empty(tmp_path: Path) -> None:
    """It says nothing."""
    assert read(tmp_path, {"main.yaml": "# nothing"})[0].plain() == {}
    assert read(tmp_path, {"main.yaml": "~"})[0].plain() == {}


def test_included_files_are_merged_by_id(tmp_path: Path) -> None:
    """Their paths are relative to the file that includes them; positions keep their file."""
    root, wrong = read(
        tmp_path,
        {
            "main.yaml": "include: ['${DIR}/keys.yaml']\nkeys: {a: {x: 1}}\nlimits: {body: 1MB}",
            "parts/keys.yaml": "include: [prices.yaml]\nkeys:\n  b: {x: 2}\nheaders: {detail: full}",
            "parts/prices.yaml": "prices: {overrides: {o/a: free}}\nkeys: {c: {x: 3}}",
        },
        {"DIR": "parts"},
    )
    assert wrong == []
    assert root.plain() == {
        "keys": {"a": {"x": 1}, "b": {"x": 2}, "c": {"x": 3}},
        "limits": {"body": "1MB"},
        "headers": {"detail": "full"},
        "prices": {"overrides": {"o/a": "free"}},
    }
    assert root.place(("keys", "b"))[0] == Position(str(tmp_path / "parts/keys.yaml"), 3, 3)


def test_prices_merge_down_to_their_overrides(tmp_path: Path) -> None:
    """They are a map of ids too."""
    root, wrong = read(
        tmp_path,
        {
            "main.yaml": "include: [b.yaml]\nprices: {currency: EUR, overrides: {o/a: free}}",
            "b.yaml": "prices: {overrides: {o/b: free}}",
        },
    )
    assert wrong == []
    assert root.plain() == {"prices": {"currency": "EUR", "overrides": {"o/a": "free", "o/b": "free"}}}


def test_what_stands_in_two_files_is_an_error_that_names_both(tmp_path: Path) -> None:
    """Ids, and sections that are no maps of ids."""
    _, wrong = read(
        tmp_path,
        {
            "main.yaml": "include: [b.yaml]\nkeys: {a: {}}\nlimits: {body: 1MB}",
            "b.yaml": "keys: {a: {}}\nlimits: {header: 1KB}",
        },
    )
    assert wrong == [
        "b.yaml:1:8  keys.a: `a` stands in two files; the other is at main.yaml:2:8\n"
        "    take one out, or give one another id.",
        "b.yaml:2:1  limits: `limits` stands in two files; the other is at main.yaml:3:1\n"
        "    take one out, or give one another id.",
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("include: b.yaml", "main.yaml:1:10  include: not a list\n    write `include: [keys.yaml]`."),
        (
            "include: [7]",
            'main.yaml:1:11  include[0]: not a path\n    write the name of a file, such as `"keys.yaml"`.',
        ),
        ("include: [main.yaml]", "main.yaml:1:11  include[0]: `main.yaml` includes itself\n    take it out."),
        (
            "include: [none.yaml]",
            "main.yaml:1:11  include[0]: `none.yaml` can't be read: No such file or directory\n"
            "    paths are relative to the file.",
        ),
        (
            "include: ['${NONE}']",
            "main.yaml:1:11  include[0]: the variable NONE is not set\n    set it, write `${NONE:-…}` with a default.",
        ),
    ],
)
def test_what_can_not_be_included_is_an_error(tmp_path: Path, text: str, why: str) -> None:
    """A circle among it."""
    assert read(tmp_path, {"main.yaml": text})[1] == [why]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b"a: b: c", "main.yaml:1:5  mapping values are not allowed in this context"),
        (b"- a", "main.yaml:1:1  not a map\n    write keys such as `providers:` and `routes:`."),
        (b"a: 1\nb: \xff", "main.yaml:2:1  not UTF-8\n    save the file as UTF-8."),
    ],
)
def test_what_is_no_configuration_at_all_ends_the_reading(tmp_path: Path, text: bytes, why: str) -> None:
    """Nothing that would be said of the rest would be true."""
    (tmp_path / "main.yaml").write_bytes(text)
    reader = Reader({})
    assert reader.read(str(tmp_path / "main.yaml")).plain() == {}
    assert reader.broken
    assert [str(problem).replace(f"{tmp_path}/", "").startswith(why) for problem in reader.problems] == [True]


def test_a_file_that_can_not_be_read_is_an_os_error(tmp_path: Path) -> None:
    """The caller's exit status is another then."""
    with pytest.raises(FileNotFoundError):
        Reader({}).read(str(tmp_path / "none.yaml"))


def test_a_key_without_a_value_is_an_error(tmp_path: Path) -> None:
    """It is never read as something that was not written; in a request's body it is a value."""
    _, wrong = read(tmp_path, {"main.yaml": "a:\nb: {c: ~, body: {stop: ~}}\nd: [~]\ne: {policy: x, with: {f: null}}"})
    fix = "write a value or take the key out; `{}` where a map without entries is meant."
    assert wrong == [f"main.yaml:1:1  a: has no value\n    {fix}", f"main.yaml:2:5  b.c: has no value\n    {fix}"]


def test_a_missing_variable_is_said_once() -> None:
    """Whatever the value would have been used for."""
    assert problems('providers: {openai: {}}\nlimits: {requests: "${NONE}", body: "${NONE}"}\nrouter:\n') == [
        "2:20  limits.requests: the variable NONE is not set | set it, write `${NONE:-…}` with a default.",
        "2:37  limits.body: the variable NONE is not set | set it, write `${NONE:-…}` with a default.",
        "3:1  router: has no value | write a value or take the key out; `{}` where a map without entries is meant.",
    ]
