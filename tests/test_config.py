"""Reading configuration: what counts where, and one clear line for everything that is wrong."""

from __future__ import annotations

import json
import os
import pickle
from dataclasses import fields
from pathlib import Path

import pytest

from trainlint import config as config_module
from trainlint import settings as settings_module
from trainlint.config import DEFAULT_EXCLUDE, READERS, Config, ConfigError, build_config, read_config
from trainlint.diagnostic import LEVELS
from trainlint.selection import ignored_in
from trainlint.settings import Overrides, Settings, inline_table, lay_over

ROOT = Path(__file__).parent.parent

EVERY_KEY = """
select = ["ALL"]
extend-select = ["eval-loader-shuffled"]
ignore = ["rate", "advice"]
fail-on = "error"
exclude = ["third_party"]
extend-exclude = ["*_old.py"]
force-exclude = true
required-version = ">=0.1"
baseline = "lint/baseline.json"
rules = ["lint/rules"]

[per-file-ignores]
"tests/**" = ["ALL"]

[levels]
no-lr-scheduler = "warning"
missing-no-grad = "off"

[options.no-lr-scheduler]
min-epochs = 5
self-tuning = ["Prodigy"]
"""


@pytest.fixture(autouse=True)
def _no_settings_of_this_person(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("APPDATA", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def write(file: Path, text: str) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


def complaint(text: str, name: str = "trainlint.toml") -> str:
    with pytest.raises(ConfigError) as caught:
        read_config(write(Path.cwd() / name, text))
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_every_key_is_read(tmp_path: Path) -> None:
    config = read_config(write(tmp_path / "trainlint.toml", EVERY_KEY))
    assert config == Config(
        file=tmp_path / "trainlint.toml",
        root=tmp_path,
        select=("ALL",),
        extend_select=("eval-loader-shuffled",),
        ignore=("rate", "advice"),
        per_file_ignores={"tests/**": ("ALL",)},
        levels={"no-lr-scheduler": "warning", "missing-no-grad": "off"},
        fail_on="error",
        exclude=("third_party",),
        extend_exclude=("*_old.py",),
        force_exclude=True,
        options={"no-lr-scheduler": {"min-epochs": 5, "self-tuning": ("Prodigy",)}},
        required_version=">=0.1",
        rules=(tmp_path / "lint/rules",),
        baseline=tmp_path / "lint/baseline.json",
    )


def test_a_pyproject_holds_the_same_keys_in_its_own_table(tmp_path: Path) -> None:
    config = read_config(write(tmp_path / "pyproject.toml", '[tool.trainlint]\nfail-on = "advice"\n'))
    assert config is not None
    assert config.fail_on == "advice"


def test_a_pyproject_of_others_is_none_of_our_business(tmp_path: Path) -> None:
    assert read_config(write(tmp_path / "pyproject.toml", "[tool.ruff]\n")) is None
    assert read_config(write(tmp_path / "pyproject.toml", "this is no TOML at all\n")) is None
    assert (
        read_config(write(tmp_path / "pyproject.toml", '[project]\ndependencies = ["trainlint"]\n')) is None
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("fail_on = 'error'", "trainlint.toml: unknown key `fail_on`; did you mean `fail-on`?"),
        ("selct = []", "trainlint.toml: unknown key `selct`; did you mean `select`?"),
        ("select = 'ALL'", "trainlint.toml: key `select` must be a list of strings, not a string"),
        ("ignore = [1]", "trainlint.toml: key `ignore` must be a list of strings, not a list"),
        ("force-exclude = 1", "trainlint.toml: key `force-exclude` must be true or false, not a number"),
        (
            "fail-on = 'warn'",
            "key `fail-on` must be one of error, warning, advice, not `warn`; did you mean `warning`?",
        ),
        ("fail-on = 3", "key `fail-on` must be one of error, warning, advice, not a number"),
        (
            "levels = {x = 'of'}",
            "key `levels.x` must be one of error, warning, advice, off, not `of`; did you mean `off`?",
        ),
        ("options = {x = 3}", "key `options.x` must be a table, not a number"),
        (
            "[options.x]\ny = 2020-01-01",
            "key `options.x.y` must be a number, a string, true, false or a list of strings",
        ),
        ("exclude = ['old', '[3-0].py']", "key `exclude` has `[3-0].py`, which is no pattern of paths"),
        (
            "per-file-ignores = {'!' = ['ALL']}",
            "key `per-file-ignores` has `!`, which is no pattern of paths",
        ),
        (
            "per-file-ignores = {x = 'ALL'}",
            "key `per-file-ignores.x` must be a list of strings, not a string",
        ),
    ],
)
def test_a_wrong_setting_is_named_with_file_and_key(text: str, said: str) -> None:
    assert said in complaint(text)


def test_broken_toml_is_named_with_its_line() -> None:
    assert complaint('ignore = []\nselect = ["a\n').startswith("trainlint.toml:2: is not valid TOML: ")
    assert complaint("ignore = []\n\nselect = [").startswith("trainlint.toml:3: is not valid TOML: ")
    assert complaint("[tool.trainlint\n", "pyproject.toml").startswith(
        "pyproject.toml:1: is not valid TOML: "
    )


def test_a_table_that_is_none_is_named() -> None:
    assert "`tool.trainlint` must be a table" in complaint('tool.trainlint = "yes"', "pyproject.toml")


def test_a_file_in_another_encoding_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "trainlint.toml").write_bytes(b"# fine\n# caf\xe9\n")
    with pytest.raises(ConfigError, match=r"trainlint\.toml:2: is not UTF-8"):
        read_config(tmp_path / "trainlint.toml")


def test_byte_order_mark_and_windows_newlines_are_fine(tmp_path: Path) -> None:
    (tmp_path / "trainlint.toml").write_bytes(b"\xef\xbb\xbffail-on = 'error'\r\nselect = []\r\n")
    config = read_config(tmp_path / "trainlint.toml")
    assert config is not None
    assert (config.fail_on, config.select) == ("error", ())


def test_the_nearest_file_upwards_counts_for_each_file(tmp_path: Path) -> None:
    write(tmp_path / "trainlint.toml", "fail-on = 'error'")
    write(tmp_path / "a" / "pyproject.toml", "[tool.trainlint]\nfail-on = 'advice'")
    write(tmp_path / "b" / "pyproject.toml", "[tool.black]\n")
    settings = Settings()
    assert settings.config_for(tmp_path / "train.py").fail_on == "error"
    assert settings.config_for(tmp_path / "a" / "deep" / "train.py").fail_on == "advice"
    assert settings.config_for(tmp_path / "b" / "train.py").fail_on == "error"
    assert settings.config_for(Path("a/../b/train.py")).root == tmp_path


def test_in_one_folder_the_own_file_counts_before_pyproject(tmp_path: Path) -> None:
    write(tmp_path / "trainlint.toml", "fail-on = 'error'")
    write(tmp_path / "pyproject.toml", "[tool.trainlint]\nfail-on = 'advice'")
    assert Settings().config_for(tmp_path / "train.py").fail_on == "error"


def test_a_run_has_the_configuration_of_the_folder_that_its_paths_share(tmp_path: Path) -> None:
    write(tmp_path / "one" / "trainlint.toml", "fail-on = 'error'")
    write(tmp_path / "one" / "a.py", "")
    write(tmp_path / "one" / "sub" / "b.py", "")
    (tmp_path / "two").mkdir()
    settings = Settings()
    assert settings.config_of((Path("one"),)).fail_on == "error"
    assert settings.config_of((Path("one/a.py"), Path("one/sub"))).fail_on == "error"
    assert settings.config_of((Path("one"), Path("two"))).fail_on == "warning"
    assert settings.config_of(()).fail_on == "warning"


def test_isolated_and_chosen_files_end_the_search(tmp_path: Path) -> None:
    write(tmp_path / "trainlint.toml", "fail-on = 'error'")
    chosen = write(tmp_path / "elsewhere" / "my.toml", "fail-on = 'advice'")
    assert Settings(isolated=True).config_for(tmp_path / "train.py") == Config()
    assert Settings(chosen=chosen).config_for(tmp_path / "train.py").fail_on == "advice"
    assert Settings(chosen=chosen).config_for(tmp_path / "train.py").root == tmp_path / "elsewhere"
    with pytest.raises(ConfigError, match="cannot be read"):
        Settings(chosen=tmp_path / "missing.toml").config_for(tmp_path / "train.py")


def test_the_users_own_file_counts_where_no_project_has_one(tmp_path: Path) -> None:
    write(tmp_path / "home" / "trainlint" / "trainlint.toml", 'fail-on = "advice"\nrules = ["mine"]')
    write(tmp_path / "project" / "trainlint.toml", "")
    assert Settings().config_for(tmp_path / "train.py").fail_on == "advice"
    assert Settings().config_for(tmp_path / "train.py").rules == (tmp_path / "home" / "trainlint" / "mine",)
    assert Settings().config_for(tmp_path / "project" / "train.py").fail_on == "warning"


def test_rules_named_in_a_repository_are_the_code_of_strangers(tmp_path: Path) -> None:
    file = write(tmp_path / "trainlint.toml", 'rules = ["lint"]')
    with pytest.raises(ConfigError, match=r"trainlint\.toml: key `rules` names code to run.*--trust-rules"):
        Settings().config_for(tmp_path / "train.py")
    assert Settings(trust_rules=True).config_for(tmp_path / "train.py").rules == (tmp_path / "lint",)
    assert Settings(chosen=file).config_for(tmp_path / "train.py").rules == (tmp_path / "lint",)


@pytest.mark.parametrize("wanted", [">=99", "==0.0.1", "<0.1"])
def test_another_required_version_is_an_error(tmp_path: Path, wanted: str) -> None:
    write(tmp_path / "trainlint.toml", f'required-version = "{wanted}"')
    with pytest.raises(ConfigError, match=r"trainlint\.toml: key `required-version` wants"):
        Settings().config_for(tmp_path / "train.py")


def test_a_required_version_that_is_none_is_named(tmp_path: Path) -> None:
    write(tmp_path / "trainlint.toml", 'required-version = "new"')
    with pytest.raises(ConfigError, match="must be a specifier such as"):
        Settings().config_for(tmp_path / "train.py")


def test_single_settings_can_be_given_on_the_command_line(tmp_path: Path) -> None:
    write(tmp_path / "trainlint.toml", "[options.a]\nx = 1\ny = 2\n[levels]\nb = 'off'")
    overrides = Overrides(table=inline_table("options.a.y = 3"))
    config = Settings(overrides).config_for(tmp_path / "train.py")
    assert (config.options, config.levels) == ({"a": {"x": 1, "y": 3}}, {"b": "off"})
    with pytest.raises(ConfigError, match="--config: unknown key `option`"):
        Settings(Overrides(table=inline_table("option.a.y = 3"))).config_for(tmp_path / "train.py")
    with pytest.raises(ConfigError, match="is not valid TOML"):
        inline_table("options.a.y = three")


def test_the_command_line_comes_on_top() -> None:
    config = Config(select=("ALL",), extend_select=("x",), ignore=("a", "b"), levels={"a": "off", "c": "off"})
    above = lay_over(
        config, Overrides(select=("a",), ignore=("d",), fail_on="error", extend_exclude=("old",))
    )
    assert (above.select, above.extend_select) == (("a",), ())
    assert above.ignore == ("b", "d")
    assert above.levels == {"c": "off"}
    assert (above.fail_on, above.extend_exclude) == ("error", ("old",))
    assert lay_over(config, Overrides()) == config


@pytest.mark.parametrize(
    ("pattern", "file", "fits"),
    [
        ("tests/**", "tests/deep/a.py", True),
        ("tests/**", "src/tests/a.py", False),
        ("conftest.py", "src/deep/conftest.py", True),
        ("*.ipynb", "notes/a.ipynb", True),
        ("/setup.py", "src/setup.py", False),
        ("!src/**", "tools/a.py", True),
        ("!src/**", "src/a.py", False),
    ],
)
def test_per_file_ignores_match_like_gitignore(tmp_path: Path, pattern: str, file: str, fits: bool) -> None:
    config = Config(root=tmp_path, per_file_ignores={pattern: ("rate",)})
    assert ignored_in(tmp_path / file, config) == (("rate",) if fits else ())
    assert ignored_in(Path(file), config) == (("rate",) if fits else ())


def test_configurations_travel_to_workers_and_serve_as_keys(tmp_path: Path) -> None:
    config = build_config({"levels": {"a": "off"}}, "x", None, tmp_path)
    assert pickle.loads(pickle.dumps(config)) == config
    assert {config: 1}[pickle.loads(pickle.dumps(config))] == 1
    assert pickle.loads(pickle.dumps(Settings())).config_for(tmp_path / "a.py") == Config()
    error = pickle.loads(pickle.dumps(ConfigError("x.toml", "bad", 3)))
    assert str(error) == "x.toml:3: bad"


def test_schema_documentation_and_reader_know_the_same_keys() -> None:
    schema = json.loads((ROOT / "trainlint" / "schemas" / "configuration.json").read_text("utf-8"))
    attributes = {field.name for field in fields(Config)} - {"file", "root"}
    assert {key.replace("-", "_") for key in READERS} == attributes
    assert set(schema["properties"]) == set(READERS)
    documentation = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert [line[5:-1] for line in documentation.splitlines() if line.startswith("### `")] == list(READERS)


def test_schema_states_the_defaults_and_the_choices() -> None:
    schema = json.loads((ROOT / "trainlint" / "schemas" / "configuration.json").read_text("utf-8"))
    for key, described in schema["properties"].items():
        if "default" in described:
            default = getattr(Config(), key.replace("-", "_"))
            assert described["default"] == (list(default) if isinstance(default, tuple) else default), key
    assert tuple(schema["properties"]["fail-on"]["enum"]) == LEVELS
    assert tuple(schema["properties"]["levels"]["additionalProperties"]["enum"]) == (*LEVELS, "off")


def test_schema_accepts_what_is_read_and_refuses_what_is_not() -> None:
    jsonschema = pytest.importorskip("jsonschema", reason="schemas are checked with it")
    schema = json.loads((ROOT / "trainlint" / "schemas" / "configuration.json").read_text("utf-8"))
    validator = jsonschema.Draft7Validator(schema)
    jsonschema.Draft7Validator.check_schema(schema)
    assert validator.is_valid(config_module.parse_toml(EVERY_KEY.encode(), "x"))
    for wrong in ({"fail_on": "error"}, {"select": "ALL"}, {"levels": {"a": "on"}}, {"options": {"a": 1}}):
        assert not validator.is_valid(wrong)


def test_documentation_lists_the_default_excludes() -> None:
    documentation = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    assert ", ".join(f"`{name}`" for name in DEFAULT_EXCLUDE) in " ".join(documentation.split())


def test_documented_examples_are_valid(tmp_path: Path) -> None:
    documentation = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    blocks = [block.split("```")[0] for block in documentation.split("```toml\n")[1:]]
    assert blocks
    for block in blocks:
        name = "pyproject.toml" if "[tool.trainlint" in block else "trainlint.toml"
        assert read_config(write(tmp_path / name, block)) is not None, block


def test_the_users_file_stands_where_the_platform_keeps_configuration(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CONFIG_HOME", os.sep + "conf")
    assert settings_module.user_file() == Path(os.sep, "conf", "trainlint", "trainlint.toml")
    monkeypatch.delenv("XDG_CONFIG_HOME")
    assert settings_module.user_file().parts[-3:] == (".config", "trainlint", "trainlint.toml")
