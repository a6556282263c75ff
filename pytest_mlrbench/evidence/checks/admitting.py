"""Words by which a document says that what it measured was made for it, and words that speak of things in the world."""

from ...patterns import lazy

SIMULATED = lazy(
    r"(?i)simulat|synthe(?:tic|si[sz])|artificial|\btoy\b|mock|hypothetical|stand-?in|surrogate|emulat|made[- ]up|fabricat|"
    r"placeholder|dummy|generated (?:data|questions|problems|examples|sequences|texts|samples|images)|randomly generated|procedural"
)
"""Words by which a document says that what was measured was made for it."""
MADE = lazy(
    r"(?i)generat|random(?:ly)? |gaussian|drawn|monte[- ]carlo|sampled from|bandit|grid|maze|cliff|\bgames?\b|puzzle|formula|"
    r"function|matri(?:x|ces)|numeric|polynomial|equation|\bMDP|markov|graphs?\b|process|oscillat|quadratic|theor|closed[- ]form|"
    r"planted|environment|arithmetic|sequence|permutation|tree|sort|queue|circuit|lattice|ising|walk|pendulum|cart|"
    r"\bspirals?\b|\bmoons\b|\bblobs\b|concentric|swiss roll|mixtures? of"
)
"""Words of documents whose subject needs no data."""
WORLD = lazy(
    r"(?i)\b(?:images?|photo\w*|questions?|documents?|reviews?|tweets?|articles?|patients?|customers?|students|participants?|"
    r"annotators?|human|speakers?|recordings?|sensors?|transactions?|passages?|queries|corpus|corpora|data ?sets?|held-?out|"
    r"test (?:set|split|data|accuracy)|benchmarks?|users?|clinical|hospital|web|models? (?:was|were) queried|API|"
    r"tokens|pre-?trained|fine-?tuned|trained (?:on|for))\b"
)
"""Words of documents that speak of things in the world."""
