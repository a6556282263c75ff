"""Prompts: Jinja templates filled in for agents, coders and judges, and their digests for the run's record."""

from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from traceback import extract_tb
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..resources import resource

if TYPE_CHECKING:
    from jinja2 import Environment

SUFFIX = ".md.j2"


def render(name: str, directory: Path | None = None, **variables: Any) -> str:
    """The prompt `name` (`idea`, `judge`, ...) with `variables`, from `directory` (the packaged prompts when None).

    Text in a variable is put in as it is: it is never read as a template. Raises ConfigError naming template and line when the
    template is missing or broken, or uses a variable that was not given.
    """
    import jinja2

    folder = directory or resource("prompts")
    try:
        return _environment(str(folder), directory is not None).get_template(name + SUFFIX).render(variables)
    except jinja2.TemplateNotFound as error:
        raise ConfigError(_not_found(folder, name, str(error.name))) from error
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(f"{error.filename or folder / (name + SUFFIX)}, line {error.lineno}: {error.message}") from error
    except (jinja2.TemplateError, TypeError, ValueError, LookupError, ArithmeticError) as error:
        raise ConfigError(f"{_place(error, folder, name)}: {error}; given were {', '.join(sorted(variables))}") from error


def prompt_digest(name: str, directory: Path | None = None) -> str:
    """sha256 over the bytes of the template `name` and of every template it includes. Raises ConfigError as `render` does."""
    return _digest_in(name, directory) if directory is not None else _packaged_digest(name)


@lru_cache
def _packaged_digest(name: str) -> str:
    """Every review asks, and the package's own templates do not change under it."""
    return _digest_in(name, resource("prompts"))


def _digest_in(name: str, folder: Path) -> str:
    contents: dict[str, bytes] = {}
    waiting = [name + SUFFIX]
    while waiting:
        template = waiting.pop()
        if template in contents:
            continue
        path = folder / template
        try:
            contents[template] = path.read_bytes()
            waiting += _included(path, contents[template])
        except FileNotFoundError as error:
            raise ConfigError(_not_found(folder, name, template)) from error
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the prompt {path}: {error}") from error
    digest = sha256()
    for template in sorted(contents):
        # Lengths keep "a" + "bc" and "ab" + "c" apart.
        digest.update(f"{template}\0{len(contents[template])}\0".encode())
        digest.update(contents[template])
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _included(path: Path, content: bytes) -> tuple[str, ...]:
    """Templates that `content` of `path` includes. Kept by its bytes: every review asks, and parsing takes milliseconds."""
    import jinja2
    from jinja2 import meta

    try:
        tree = _environment(str(path.parent), True).parse(content.decode("utf-8"), filename=str(path))
    except jinja2.TemplateSyntaxError as error:
        raise ConfigError(f"{path}, line {error.lineno}: {error.message}") from error
    found: list[str] = []
    for included in meta.find_referenced_templates(tree):
        if included is None:
            raise ConfigError(f"{path} includes a template by a computed name; name it outright, so that its digest is known")
        found.append(included)
    return tuple(found)


@lru_cache(maxsize=8)
def _environment(folder: str, watched: bool) -> "Environment":
    """Compiled templates are kept by Jinja and, when `watched`, made anew when a file changes: compiling costs milliseconds, a
    review is one of thousands. The package's own do not change, and to look costs as much as to fill one in.
    Sandboxed, because --mlr-prompts may point at a stranger's folder. Nothing is escaped: the texts are Markdown for a model,
    no HTML."""
    from jinja2 import FileSystemLoader, StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    return ImmutableSandboxedEnvironment(
        loader=FileSystemLoader(folder),
        undefined=StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=watched,
    )


def _not_found(folder: Path, name: str, template: str) -> str:
    if template != name + SUFFIX:
        return f"{folder / (name + SUFFIX)} includes {template!r}, which is not in {folder}"
    found = sorted(path.name.removesuffix(SUFFIX) for path in folder.glob(f"*{SUFFIX}"))
    return f"there is no prompt {name!r} in {folder} (looked for {template}; found: {', '.join(found) or 'none'})"


def _place(error: BaseException, folder: Path, name: str) -> str:
    """Template and line where `error` arose: Jinja gives its templates' own lines to the traceback."""
    frames = [frame for frame in extract_tb(error.__traceback__) if Path(frame.filename).parent == folder]
    return f"{frames[-1].filename}, line {frames[-1].lineno}" if frames else str(folder / (name + SUFFIX))


def prompt_names(directory: Path | None = None) -> list[str]:
    """Names of the prompts in `directory` (the packaged ones when None)."""
    return sorted(path.name.removesuffix(SUFFIX) for path in (directory or resource("prompts")).glob(f"*{SUFFIX}"))
