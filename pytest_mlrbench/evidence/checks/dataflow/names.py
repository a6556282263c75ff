"""What the data-flow reading knows of libraries: which functions draw, which only rearrange, which only report."""

import math
import statistics
from typing import Any

_DRAWING = """
random uniform gauss normal normalvariate randn rand randint integers standard_normal beta betavariate gamma gammavariate
exponential standard_exponential expovariate poisson binomial lognormal lognormvariate triangular standard_t laplace dirichlet
random_sample ranf multivariate_normal randrange weibull weibullvariate paretovariate logistic geometric chisquare multinomial
bernoulli getrandbits randbytes vonmises vonmisesvariate rayleigh gumbel pareto negative_binomial randn_like rand_like rvs
randbelow random_integers token_bytes random_raw standard_gamma standard_cauchy wald zipf power hypergeometric f
noncentral_chisquare truncnorm urandom binomialvariate
"""
DRAWING = frozenset(_DRAWING.split())
"""Functions of random modules and methods of their generators that give new numbers."""
_CENTRED = """
gauss normal normalvariate randn standard_normal laplace logistic standard_t standard_cauchy
"""
CENTRED = frozenset(_CENTRED.split())
"""Draws around their first argument (or zero): the second sets the spread only."""
_CHOOSING = """
choice choices sample permutation permuted shuffle randperm
"""
CHOOSING = frozenset(_CHOOSING.split())
"""Functions of random modules that pick from what they are given."""
RANDOM_MODULES = ("random.", "numpy.random.", "secrets.", "scipy.stats.", "torch.distributions.", "os.urandom", "uuid.")
_TORCH_DRAWS = """
torch.rand torch.randn torch.randint torch.normal torch.rand_like torch.randn_like torch.bernoulli
"""
TORCH_DRAWS = frozenset(_TORCH_DRAWS.split())
_GENERATORS = """
random.Random random.SystemRandom numpy.random.default_rng numpy.random.RandomState numpy.random.Generator numpy.random.PCG64
"""
GENERATORS = frozenset(_GENERATORS.split())
"""Calls that make an object that draws."""
HASHES = ("builtins.hash", "builtins.id", "hashlib.", "zlib.crc32", "zlib.adler32", "binascii.crc32")
"""Numbers made of a name: as good as drawn."""

_PASSING = """
abs absolute add array asarray asanyarray append around arange average ceil clip concatenate copy cos cosh cumprod cumsum diff
divide empty empty_like exp expm1 fabs flip float32 float64 floor fmean full full_like geomspace hstack hypot int32 int64 isnan
linspace log log10 log1p log2 logspace max maximum mean median min minimum mod multiply nan_to_num nanmax nanmean nanmedian
nanmin nanstd negative ones ones_like outer pad percentile power prod quantile ravel repeat reshape rint roll round round_ sign
sin sinh sort sqrt square squeeze stack std stdev pstdev variance pvariance subtract sum swapaxes tan tanh tile transpose
true_divide tensor var vstack where zeros zeros_like fsum harmonic_mean fmod pow erf sigmoid expand_dims column_stack flatten
atleast_1d atleast_2d float16 item tolist isfinite any all Series Decimal Fraction trunc isclose astype convolve interp
gaussian_filter1d savgol_filter uniform_filter1d
"""
PASSING = frozenset(_PASSING.split())
"""Numeric functions and methods whose result is made of their arguments and of nothing else that would compute."""
NUMERIC = (
    "numpy.",
    "math.",
    "statistics.",
    "torch.",
    "decimal.",
    "fractions.",
    "scipy.ndimage.",
    "scipy.signal.",
    "cmath.",
    "jax.numpy.",
)
REPORTING = (
    "matplotlib",
    "seaborn",
    "plotly",
    "json.",
    "csv.",
    "logging",
    "tabulate",
    "wandb",
    "tensorboard",
    "os.",
    "pathlib",
    "pickle.",
    "scipy.stats",
    "statsmodels",
    "rich",
    "yaml",
    "prettytable",
    "sys.",
    "time.",
    "datetime",
    "joblib.",
    "numpy.save",
    "torch.save",
    "warnings",
    "shutil",
    "re.",
    "string.",
    "typing",
    "builtins.",
    "torch.utils.tensorboard",
    "loguru",
    "pandas",
    "polars",
    "pprint",
    "textwrap",
    "sqlite3.",
    "h5py.",
    "struct.",
    "openpyxl",
    "zarr.",
)
"""Libraries that show, store or test numbers: what goes into them does not become an input of a measurement."""
_WRITING = """
write writelines write_text writerow writerows info debug warning error critical log exception print plot bar barh scatter
errorbar hist imshow boxplot text annotate axhline axvline fill_between add_scalar log_metric log_metrics add_row append extend put
to_csv to_json
to_markdown dump dumps set_ylim set_xlim set_title set_xlabel set_ylabel savefig add update set_description set_postfix legend
join format step record echo loglog semilogy semilogx violinplot heatmap lineplot barplot pie stem table matshow contourf
plot_surface title suptitle xticks yticks execute executemany set_xticklabels create_dataset savez append_row
"""
WRITING = frozenset(_WRITING.split())
"""Methods of unknown objects (files, loggers, axes) that show or store."""
_PLOTTING = """
plot bar barh scatter errorbar hist fill_between boxplot violinplot loglog semilogy semilogx lineplot barplot stem pie step
histplot scatterplot heatmap imshow
"""
PLOTTING = frozenset(_PLOTTING.split())
"""Calls that put numbers into a figure."""
_SAME = """
tqdm.tqdm tqdm.auto.tqdm tqdm.trange copy.copy copy.deepcopy builtins.list builtins.tuple builtins.sorted builtins.reversed
builtins.set builtins.iter builtins.frozenset builtins.vars collections.deque dataclasses.asdict
collections.OrderedDict itertools.chain asyncio.run asyncio.gather numpy.asarray torch.tensor numpy.array pandas.Series
"""
SAME = frozenset(_SAME.split())
"""Calls that give back what they got."""

_ELEMENTARY = ("exp", "log", "sqrt", "sin", "cos", "tanh", "floor", "ceil", "log2", "log10", "log1p")
BENDING = frozenset(
    ("exp", "expm1", "log", "log1p", "log2", "log10", "sqrt", "pow", "power", "sin", "cos", "tan", "arctan", "atan", "square")
)
"""Curved functions: of a drawn number they make one whose mean is not where the draw's settings put it."""
CURVES = frozenset(
    ("exp", "expm1", "log", "log1p", "log2", "log10", "pow", "power", "tanh", "sigmoid", "erf", "arctan", "atan", "expit")
)
"""Functions of formulas for learning curves and scaling laws."""
SPREADING = frozenset(("std", "stdev", "pstdev", "var", "variance", "pvariance", "nanstd", "nanvar"))
"""How far numbers spread says nothing of where they lie."""
KINKED = frozenset(("max", "min", "maximum", "minimum", "clip", "where", "heaviside", "relu"))
"""Functions that cut a curved number off, as a payoff does."""
AVERAGING = frozenset(
    ("sum", "mean", "fmean", "average", "std", "var", "stdev", "pstdev", "median", "percentile", "quantile", "fsum", "nanmean")
)
FOLDED: dict[str, Any] = {
    "builtins.abs": abs,
    "builtins.round": round,
    "builtins.float": float,
    "builtins.int": int,
    "builtins.str": str,
    "builtins.bool": bool,
    "builtins.max": max,
    "builtins.min": min,
    "builtins.len": len,
    **{f"{module}.{name}": getattr(math, name) for module in ("math", "numpy") for name in _ELEMENTARY},
    "numpy.maximum": max,
    "numpy.minimum": min,
    "numpy.abs": abs,
    "numpy.round": round,
    "numpy.clip": lambda x, low, high: min(max(x, low), high),
}
"""Functions of known numbers that are worked out."""
REDUCED: dict[str, Any] = {
    "sum": sum,
    "mean": statistics.fmean,
    "fmean": statistics.fmean,
    "average": statistics.fmean,
    "max": max,
    "min": min,
    "median": statistics.median,
    "std": statistics.pstdev,
    "stdev": statistics.stdev,
    "pstdev": statistics.pstdev,
    "len": len,
}
"""Functions of known lists that are worked out."""
KEYED = 12
"""Members whose key is worked out."""
_TEXTUAL = """
lower upper strip replace startswith endswith title capitalize lstrip rstrip split splitlines format decode encode
"""
TEXTUAL = frozenset(_TEXTUAL.split())
"""Methods of known texts that are worked out."""

PARSING = (
    "re.",
    "struct.",
    "binascii.",
    "base64.",
    "zlib.decompress",
    "gzip.decompress",
    "bz2.decompress",
    "lzma.decompress",
    "codecs.",
    "csv.",
    "ast.literal_eval",
    "configparser.",
    "tomllib.loads",
    "yaml.",
    "io.StringIO",
    "io.BytesIO",
    "pickle.loads",
    "textwrap.",
    "string.",
    "itertools.",
    "functools.reduce",
    "operator.",
    "numpy.fromstring",
    "builtins.int",
    "builtins.bytes",
    "builtins.bytearray",
    "builtins.ord",
)
"""Functions that only take apart what they are given: what comes out of a typed text was typed."""
UNREADABLE = (
    "ctypes.",
    "cffi.",
    "marshal.",
    "dill.",
    "runpy.",
    "importlib.util.spec_from_loader",
    "types.FunctionType",
    "types.CodeType",
    "code.Interactive",
    "codeop.",
)
"""Calls that run what is not read here."""
LOGGING = frozenset(("debug", "info", "warning", "error", "critical", "log"))
"""Methods of loggers: a format, and what it is filled with."""
NEUTRAL_CALLS = frozenset(("numpy.iinfo", "numpy.finfo", "torch.iinfo", "torch.finfo", "builtins.len"))
"""Calls whose result is the same whatever is measured; how many there are measures nothing."""
