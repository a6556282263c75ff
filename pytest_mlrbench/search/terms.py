"""What to search for: an idea's title and main terms as queries, the same for the same text; base.py asks the sources for them."""

import re
from collections import Counter
from itertools import pairwise
from typing import NamedTuple

from ..patterns import lazy

STOP = frozenset(
    """a about above across after against all also although among an and any are as at be because been before being
    below best better between both but by can cannot could do does doing done during each either enough even every few
    first for from full further get given gives has have having hence here how however i if in into is it its itself
    just keep kept large larger less let like made main make makes many may might more most much must need needs
    neither new next no nor not now of off often on once one only or other our out over own part per put rather same
    say see several shall should show shown shows since small smaller so some still such take taken takes than that
    the their them then there these they this those though three through thus to today together too toward towards two
    under until up upon us use used useful uses using very via want was way we well were what when where whether which
    while who whose why will with within without would yet you your""".split()  # noqa: SIM905
)
"""English function words, none of which can be part of a term."""
FILLER = frozenset(
    """achieve addition aim aims allow allows answer applied applies apply approach approaches area ask aspect assess
    benefit build case cases change changes claim common compare compared comparison consider contribution current
    describe design develop different effect effective efficient enable ensure evidence example existing expect
    expected experiment experiments explore fact fail fails failure find finding framework general goal good help high
    hypothesis idea impact important improve improved improvement include including increase introduce investigate
    issue key known lack lead leads level low mechanism method methods metric metrics motivation notion novel number
    obtain outcome paper perform performance plan point possible potential present prior problem problems project
    propose proposed provide question questions range reduce refute refuted rely remain report require research result
    results role setting settings simple solution step steps strategy strong study success suggest support target
    technique term tested title trained type typical understand unknown value various widely work works""".split()  # noqa: SIM905
)
"""Words of every research text: they end a term, because they say nothing of its subject."""
WEAK = frozenset(
    """agent agents algorithm algorithms analysis benchmark benchmarks data dataset datasets deep error errors
    evaluation feature features field function group input inputs label labels language learn learned learning machine
    measure model models network networks neural output outputs parameter parameters prediction predictions
    representation representations sample samples scale score scores state system systems task tasks test theory time
    train training weak weight weights world""".split()  # noqa: SIM905
)
"""Words that make a term only together with others."""
TITLE_WEIGHT = 3
MOST_TERMS = 8
_SENTENCE = lazy(r"[.!?;:,()\[\]{}\"“”|/\\*]|\s[-–—]\s|\n")
_WORD = lazy(r"[^\W\d_]\w*")
"""A hyphen parts words, as it does in the indexes: `multi-agent` is found by "multi agent"."""
_NO_PROSE = lazy(r"`[^`]*`|\$[^$]*\$|https?://\S+|(?<=\w)['’]s\b")
_LABEL = lazy(r"^title\s*[:*]+\s*", re.IGNORECASE)


class Terms(NamedTuple):
    """What an idea is about."""

    title: str
    """Its first heading, or its first line."""
    main: tuple[str, ...]
    """One to eight terms of one or two words, lower case, the heaviest first; empty for a text without words."""
    weights: tuple[float, ...]
    """Of `main`."""
    title_words: tuple[str, ...]
    """Words of the title that are no function words, in their order."""

    @property
    def queries(self) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
        """(All of these, any of these) from narrow to wide, each a different query; at most three."""
        # A pair narrows more than a word does.
        head = next((term for term in self.main if " " in term), self.main[0] if self.main else "")
        rest = tuple(term for term in self.main if term != head)
        wanted = (((head,), rest[:4]), ((), self.main), ((), self.title_words[:10]))
        return tuple(dict.fromkeys(query for query in wanted if query[1]))


def terms_of(idea: str) -> Terms:
    """Title and main terms of an idea in Markdown.

    A term is a word, or a pair of words that stands in the title or twice in the text, between function words, filler and
    punctuation; a pair that stands there once is an accident of a sentence. It weighs what its words weigh on average (one for a
    place in the text, three in the title), times how often it occurs itself.
    """
    lines = [line.strip() for line in idea.splitlines() if line.strip()]
    title = next((line for line in lines if line.startswith("# ")), lines[0] if lines else "")
    title = _LABEL.sub("", title.strip("#*_ ")).strip("*_: ")
    runs = [(run, TITLE_WEIGHT) for run in _runs(title)]
    runs += [(run, 1) for run in _runs("\n".join(line for line in lines if not line.startswith("#")))]
    weight: Counter[str] = Counter()
    occurs: Counter[tuple[str, ...]] = Counter()
    for run, times in runs:
        for word in run:
            weight[word] += times
            if word not in WEAK and len(word) > 2:
                occurs[(word,)] += times
        for pair in pairwise(run):
            occurs[pair] += times
    score = {
        term: sum(weight[word] for word in term) / len(term) * (1 + times) * (1.5 if len(term) == 2 else 1)
        for term, times in occurs.items()
        if times > 1 or len(term) == 1
    }
    chosen: dict[tuple[str, ...], float] = {}
    for term in sorted(score, key=lambda term: (-score[term], term)):
        if len(chosen) == MOST_TERMS:
            break
        if not any(set(term) <= set(other) or set(other) <= set(term) for other in chosen):
            chosen[term] = score[term]
    words = tuple(dict.fromkeys(word for run in _runs(title) for word in run))
    return Terms(title, tuple(" ".join(term) for term in chosen), tuple(chosen.values()), words)


def _runs(text: str) -> list[tuple[str, ...]]:
    """Maximal runs of words that may be part of a term, lower case."""
    found = []
    for sentence in _SENTENCE.split(_NO_PROSE.sub(" | ", text)):
        run: list[str] = []
        for word in [match[0].lower() for match in _WORD.finditer(sentence)]:
            if word in STOP or word in FILLER:
                found.append(tuple(run))
                run = []
            else:
                run.append(word)
        found.append(tuple(run))
    return [run for run in found if run]
