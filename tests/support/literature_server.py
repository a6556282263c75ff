"""A loopback server that answers as OpenAlex's and arXiv's search do, from a corpus of our own, with faults on demand."""

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from html import escape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Lock, Thread
from time import monotonic
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Paper:
    """One work of the corpus."""

    number: int
    """Makes its OpenAlex id, and its arXiv id when it is on arXiv."""
    title: str
    abstract: str = ""
    year: int = 2024
    authors: tuple[str, ...] = ("Ada Lovelace", "Grace Hopper")
    arxiv: bool = True
    doi: str = ""

    @property
    def arxiv_number(self) -> str:
        return f"{self.year % 100:02}05.{self.number:05}"

    @property
    def openalex(self) -> str:
        return f"https://openalex.org/W{4000000 + self.number}"


@dataclass
class Literature:
    """What a test tells the server to do, and what it saw."""

    papers: Sequence[Paper]
    faults: list[str] = field(default_factory=list)
    """What the next requests get instead: a status, `cut`, `hang up`, `silence`, `page` (HTML), `odd` (JSON of another kind),
    or `STATUS after SECONDS` for a Retry-After."""
    silence: float = 60.0
    """Seconds that `silence` lasts at most; it ends with the server."""
    asked: list[dict[str, str]] = field(default_factory=list)
    """The parameters of each request."""
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    """When each request came (monotonic seconds)."""
    root: str = ""
    closing: Event = field(default_factory=Event)

    @property
    def openalex(self) -> str:
        """For MLRBENCH_OPENALEX_URL."""
        return self.root

    @property
    def arxiv(self) -> str:
        """For MLRBENCH_ARXIV_URL."""
        return f"{self.root}/api/query"

    @property
    def crossref(self) -> str:
        """For MLRBENCH_CROSSREF_URL."""
        return f"{self.root}/crossref"


def corpus(number: int = 30, subject: str = "label noise") -> list[Paper]:
    """Papers on one subject, the first ones nearest to it."""
    return [
        Paper(
            number=1 + index,
            title=f"Study {index} of {subject} by vote relabeling" if index < 12 else f"A study, number {index}",
            abstract=f"We examine {subject} in {index} settings and find that relabeling by vote helps.",
            year=2023 + index % 3,
            doi=f"10.1234/study.{index}" if index % 2 else "",
            arxiv=index % 3 != 2,
        )
        for index in range(number)
    ]


@contextmanager
def serving(papers: Sequence[Paper]) -> Iterator[Literature]:
    """The server, on a free port."""
    state = Literature(papers)
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            given = {name: values[0] for name, values in parse_qs(parts.query).items()}
            with lock:
                state.asked.append(given)
                state.headers.append(dict(self.headers.items()))
                state.times.append(monotonic())
                fault = state.faults.pop(0) if state.faults else ""
            if fault == "hang up":
                self.connection.close()
                return
            if fault == "silence":
                state.closing.wait(state.silence)
                self.close_connection = True
                return
            status, _, wait = fault.partition(" after ")
            if status.isdigit():
                self._send(int(status), b'{"error": "told to refuse"}', "application/json", wait)
            elif fault == "page":
                self._send(200, b"<html><body>Down for maintenance</body></html>", "text/html")
            elif fault == "odd":
                self._send(200, b'["something else"]', "application/json")
            elif parts.path == "/works":
                self._send(200, openalex_answer(state.papers, given), "application/json", cut=fault == "cut")
            elif parts.path == "/crossref/works":
                self._send(200, crossref_answer(state.papers, given), "application/json")
            elif parts.path == "/api/query":
                self._send(200, arxiv_answer(state.papers, given), "application/atom+xml", cut=fault == "cut")
            else:
                self._send(404, b"{}", "application/json")

        def _send(self, status: int, content: bytes, kind: str, wait: str = "", cut: bool = False) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            if wait:
                self.send_header("Retry-After", wait)
            self.end_headers()
            self.wfile.write(content[: len(content) // 2] if cut else content)
            if cut:
                self.close_connection = True

        def log_message(self, *_: object) -> None:
            """Nothing on stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    state.root = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        state.closing.set()
        server.shutdown()
        server.server_close()
        thread.join()


def openalex_answer(papers: Sequence[Paper], given: dict[str, str]) -> bytes:
    """A page of works as OpenAlex writes it."""
    since = re.search(r"from_publication_date:(\d{4})", given.get("filter", ""))
    wanted = re.match(r"(doi|openalex|title\.search):(.*)", given.get("filter", ""))
    if wanted:
        found = [paper for paper in papers if _is_meant(paper, wanted[1], wanted[2])]
    else:
        found = [
            paper for paper in papers if _matches(paper, given.get("search", "")) and paper.year >= int(since[1] if since else 0)
        ]
    results = [
        {
            "id": paper.openalex,
            "doi": f"https://doi.org/{paper.doi}" if paper.doi else None,
            "title": paper.title,
            "publication_year": paper.year,
            "authorships": [{"author": {"display_name": name}} for name in paper.authors],
            "abstract_inverted_index": _inverted(paper.abstract) if paper.abstract else None,
            "primary_location": {
                "landing_page_url": f"http://arxiv.org/abs/{paper.arxiv_number}"
                if paper.arxiv
                else f"https://example.org/{paper.number}",
                "source": {"display_name": "arXiv (Cornell University)"} if paper.arxiv else None,
            },
            "best_oa_location": None,
            "cited_by_count": paper.number,
            "relevance_score": 1.0 / paper.number,
            "type": "article",
        }
        for paper in found[: int(given.get("per-page", "25"))]
    ]
    return json.dumps({"meta": {"count": len(found), "page": 1}, "results": results, "group_by": []}).encode()


def arxiv_answer(papers: Sequence[Paper], given: dict[str, str]) -> bytes:
    """A feed as arXiv writes it."""
    query = given.get("search_query", "")
    since = re.search(r"submittedDate:\[(\d{4})", query)
    ids = given.get("id_list", "").split(",")
    found = [
        paper for paper in papers if paper.arxiv and (paper.arxiv_number in ids if ids != [""] else _searched(paper, query, since))
    ]
    entries = "".join(
        f"""<entry><id>http://arxiv.org/abs/{paper.arxiv_number}v2</id>
<published>{paper.year}-05-02T10:00:00Z</published><updated>{paper.year}-06-02T10:00:00Z</updated>
<title>{escape(paper.title)}</title><summary>{escape(paper.abstract)}</summary>
{"".join(f"<author><name>{escape(name)}</name></author>" for name in paper.authors)}
{f"<arxiv:doi>{paper.doi}</arxiv:doi>" if paper.doi else ""}
<link href="https://arxiv.org/abs/{paper.arxiv_number}v2" rel="alternate" type="text/html"/>
<category term="cs.LG" scheme="http://arxiv.org/schemas/atom"/></entry>"""
        for paper in found[: int(given.get("max_results", "10"))]
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"
 xmlns:arxiv="http://arxiv.org/schemas/atom"><id>http://arxiv.org/api/x</id><title>ArXiv Query</title>
<opensearch:totalResults>{len(found)}</opensearch:totalResults><opensearch:startIndex>0</opensearch:startIndex>
<opensearch:itemsPerPage>{given.get("max_results", "10")}</opensearch:itemsPerPage>{entries}</feed>""".encode()


def crossref_answer(papers: Sequence[Paper], given: dict[str, str]) -> bytes:
    """A list of works as Crossref writes it; it knows those with a DOI."""
    doi = given.get("filter", "").partition("doi:")[2]
    found = [
        paper
        for paper in papers
        if paper.doi and (paper.doi == doi if doi else _is_meant(paper, "title", given["query.bibliographic"]))
    ]
    items = [
        {
            "DOI": paper.doi,
            "title": [paper.title],
            "author": [{"given": name.split()[0], "family": name.split()[-1]} for name in paper.authors],
            "issued": {"date-parts": [[paper.year, 5]]},
            "container-title": ["A Journal"],
        }
        for paper in found
    ]
    return json.dumps(
        {"status": "ok", "message-type": "work-list", "message": {"total-results": len(items), "items": items}}
    ).encode()


def _is_meant(paper: Paper, by: str, values: str) -> bool:
    """One of the identifiers, or every word of a title."""
    if by == "doi":
        return bool(paper.doi) and paper.doi in values.split("|")
    if by == "openalex":
        return paper.openalex.rpartition("/")[2] in values.split("|")
    return all(word in paper.title.lower() for word in re.findall(r"[a-z0-9]+", values.lower()))


def _searched(paper: Paper, query: str, since: "re.Match[str] | None") -> bool:
    return _matches(paper, query.partition(" AND submittedDate")[0]) and paper.year >= int(since[1] if since else 0)


def _matches(paper: Paper, query: str) -> bool:
    """(all of these) AND (any of these), each a phrase in quotes; a field's name before a phrase does not matter."""
    text = f"{paper.title} {paper.abstract}".lower()
    head, _, tail = query.rpartition(" AND ")
    needed, either = re.findall(r'"([^"]+)"', head), re.findall(r'"([^"]+)"', tail)
    return all(phrase in text for phrase in needed) and any(phrase in text for phrase in either)


def _inverted(text: str) -> dict[str, list[int]]:
    index: dict[str, list[int]] = {}
    for place, word in enumerate(text.split()):
        index.setdefault(word, []).append(place)
    return index
