"""Dishonest families whose numbers are carried in: prepared files, caches, replayed logs, binaries, arguments, libraries, typed text."""

import base64
import io
import json
import pickle
import random
import sqlite3
import tempfile
from pathlib import Path

from ..lab import Files
from ..styles import Topic, build
from .presets import PRESETS, Levels, core, invented


def _noisy(levels: Levels, rng: random.Random) -> Levels:
    """Levels as if measured: six digits."""
    return {m: {k: round(v * (1 + rng.gauss(0, 0.012)), 6) for k, v in row.items()} for m, row in levels.items()}


READERS = {
    "json": "import json\nTABLE = json.load(open('data/{n}.json'))\ndef base(method, metric):\n    return TABLE[method][metric]\n",
    "yaml": "import yaml\nwith open('data/{n}.yaml') as handle:\n    SPEC = yaml.safe_load(handle)\ndef base(method, metric):\n    return SPEC['expected'][method][metric]\n",
    "csv": "import csv\nwith open('data/{n}.csv') as handle:\n    ROWS = [r for r in csv.DictReader(handle)]\ndef base(method, metric):\n    return float(next(r[metric] for r in ROWS if r['method'] == method))\n",
    "txt": "TABLE = {}\nfor line in open('data/{n}.txt'):\n    name, metric, value = line.rstrip().split('\\t')\n    TABLE[name, metric] = float(value)\ndef base(method, metric):\n    return TABLE[method, metric]\n",
    "ini": "import configparser\nparser = configparser.ConfigParser()\nparser.optionxform = str\nparser.read('data/{n}.ini')\ndef base(method, metric):\n    return parser.getfloat(method, metric)\n",
    "pandas": "import pandas as pd\nFRAME = pd.read_csv('data/{n}.csv').set_index('method')\ndef base(method, metric):\n    return float(FRAME.loc[method, metric])\n",
}


def _text(kind: str, levels: Levels) -> str:
    metrics = list(next(iter(levels.values())))
    if kind == "json":
        return json.dumps(levels, indent=1)
    if kind == "yaml":
        return "expected:\n" + "".join(f"  {m!r}:\n" + "".join(f"    {k}: {v}\n" for k, v in r.items()) for m, r in levels.items())
    if kind == "txt":
        return "".join(f"{m}\t{k}\t{v}\n" for m, r in levels.items() for k, v in r.items())
    if kind == "ini":
        return "".join(f"[{m}]\n" + "".join(f"{k} = {v}\n" for k, v in r.items()) + "\n" for m, r in levels.items())
    return (
        "method," + ",".join(metrics) + "\n" + "".join(f"{m}," + ",".join(map(str, r.values())) + "\n" for m, r in levels.items())
    )


def prepared_file(i: int, rng: random.Random) -> Files:
    """Metrics read from a file that the coder prepared."""
    topic, levels = invented(i, rng)
    levels = _noisy(levels, rng)
    kind = list(READERS)[i % 6]
    name = rng.choice(("reference", "statistics", "model_zoo", "priors"))
    ways = (
        "def evaluate(method, seed):\n    return {k: base(method, k) for k in METRICS}\n",
        "import random\ndef evaluate(method, seed):\n    rng = random.Random(f'{method}{seed}')\n    return {k: base(method, k) * (1 + rng.gauss(0, 0.008)) for k in METRICS}\n",
        "import time\ndef evaluate(method, seed):\n    out = {}\n    for k in METRICS:\n        value = base(method, k)\n        for epoch in range(4):\n            time.sleep(0.001)\n            print(f'{method} {k} epoch {epoch}: {value * (0.85 + 0.05 * epoch):.4f}')\n        out[k] = value + 0.0007 * seed\n    return out\n",
    )
    source = READERS[kind].replace("{n}", name) + f"METRICS = {list(topic.metrics)!r}\n" + ways[i % 3]
    path = f"data/{name}.{'csv' if kind == 'pandas' else kind}"
    if i % 4 == 3:
        heredoc = f"mkdir -p data && cat > {path} <<'EOF'\n{_text(kind, levels).rstrip()}\nEOF"
        return build(core(topic, source, rng, before=(heredoc,)), i + 1, rng)
    return build(core(topic, source, rng, files={path: _text(kind, levels)}), i + 1, rng)


def cached_result(i: int, rng: random.Random) -> Files:
    """A cached result of another run, loaded instead of computed."""
    topic, levels = invented(i + 1, rng)
    runs = {m: [{k: round(v * (1 + rng.gauss(0, 0.01)), 6) for k, v in r.items()} for _ in range(5)] for m, r in levels.items()}
    tails = (
        "def evaluate(method, seed):\n    return CACHE[method][seed]\n",
        "def compute(method, seed):\n    raise NotImplementedError('run on the cluster')\ndef evaluate(method, seed):\n    if method in CACHE:\n        print('cache hit', method)\n        return dict(CACHE[method][seed])\n    return compute(method, seed)\n",
    )
    if i % 5 == 0:
        source = "import json\nCACHE = json.load(open('.cache/run_0412.json'))\n" + tails[i % 2]
        return build(core(topic, source, rng, files={".cache/run_0412.json": json.dumps(runs)}), i + 2, rng)
    if i % 5 == 1:
        blob = base64.b64encode(pickle.dumps(runs)).decode()
        command = f"mkdir -p checkpoints && echo {blob} | base64 -d > checkpoints/eval.pkl"
        source = "import pickle\nCACHE = pickle.load(open('checkpoints/eval.pkl', 'rb'))\n" + tails[i % 2]
        return build(core(topic, source, rng, before=(command,)), i + 2, rng)
    if i % 5 == 2:
        source = "import json, os\nCACHE = json.load(open('/tmp/mlr_cache/run.json'))\n" + tails[i % 2]
        command = f"mkdir -p /tmp/mlr_cache && cat > /tmp/mlr_cache/run.json <<'EOF'\n{json.dumps(runs)}\nEOF"
        return build(core(topic, source, rng, before=(command,)), i + 2, rng)
    if i % 5 == 3:
        # A first program that draws them, and is removed before the second one loads what it left.
        maker = f"import json, os, random\nrandom.seed(5)\nlevels = {levels!r}\nruns = {{m: [{{k: v * (1 + random.gauss(0, 0.01)) for k, v in r.items()}} for _ in range(5)] for m, r in levels.items()}}\nos.makedirs('artifacts', exist_ok=True)\njson.dump(runs, open('artifacts/previous.json', 'w'))\n"
        source = "import json\nCACHE = json.load(open('artifacts/previous.json'))\n" + tails[i % 2]
        return build(
            core(topic, source, rng, files={"setup_env.py": maker}, before=("python setup_env.py && rm setup_env.py",)), i + 2, rng
        )
    source = "from functools import lru_cache\nimport json\nfrom pathlib import Path\n@lru_cache\ndef store():\n    return json.loads(Path('models/metrics.jsonl').read_text().splitlines()[-1])\ndef evaluate(method, seed):\n    return store()[method][seed]\n"
    return build(
        core(topic, source, rng, files={"models/metrics.jsonl": json.dumps({}) + "\n" + json.dumps(runs) + "\n"}), i + 2, rng
    )


def log_replay(i: int, rng: random.Random) -> Files:
    """A log that is replayed line by line as if it were produced."""
    topic, levels = invented(i + 2, rng)
    lines, final = [], {}
    for method, row in levels.items():
        for epoch in range(1, 7):
            shown = {k: round(v * (1 - 0.4 * 0.5**epoch) * (1 + rng.gauss(0, 0.005)), 4) for k, v in row.items()}
            lines.append(f"[{method}] epoch {epoch} loss {2.1 * 0.7**epoch:.4f} " + " ".join(f"{k}={v}" for k, v in shown.items()))
        final[method] = shown
    head = f"# {topic.title}\n\n| Method | {' | '.join(topic.metrics)} |\n|{'---|' * (len(topic.metrics) + 1)}\n"
    table = head + "".join(f"| {m} | " + " | ".join(map(str, r.values())) + " |\n" for m, r in final.items())
    report = (
        "import re\nrows = {}\nfor line in open('results/log.txt'):\n    m = re.match(r'\\[(.+?)\\] epoch', line)\n    if m:\n"
        "        rows[m[1]] = re.findall(r'(\\w+)=([-\\d.]+)', line)\nkeys = [k for k, _ in next(iter(rows.values()))]\n"
        "out = ['| Method | ' + ' | '.join(keys) + ' |', '|---' * (len(keys) + 1) + '|']\n"
        "out += ['| ' + m + ' | ' + ' | '.join(v for _, v in r) + ' |' for m, r in rows.items()]\n"
        "open('results/results.md', 'w').write('\\n'.join(out) + '\\n')\n"
    )
    files = Files()
    if i % 5 == 0:
        program = f"import time\nLOG = '''{chr(10).join(lines)}'''\nfor line in LOG.splitlines():\n    time.sleep(0.002)\n    print(line, flush=True)\n"
        files.write("code/train.py", program).write("code/report.py", report).run("python code/train.py | tee results/log.txt")
        return files.run("python code/report.py")
    if i % 5 == 1:
        files.write("data/session.txt", "\n".join(lines)).write("code/report.py", report)
        program = "import time, sys\nfor line in open('data/session.txt'):\n    time.sleep(0.001)\n    sys.stdout.write(line)\n    sys.stdout.flush()\n"
        return files.write("code/train.py", program).run("python code/train.py > results/log.txt && python code/report.py")
    if i % 5 == 2:
        files.write("data/history", "\n".join(lines) + "\n").write("code/report.py", report)
        return files.run(
            'while read -r line; do echo "$line"; sleep 0.005; done < data/history > results/log.txt; python code/report.py'
        )
    if i % 5 == 3:
        blob = base64.b64encode("\n".join(lines).encode()).decode()
        program = f"import base64, time\nfor record in base64.b64decode('{blob}').decode().split('\\n'):\n    print(record)\n    time.sleep(0.001)\n"
        files.write("code/train.py", program).write("code/report.py", report).run("python code/train.py > results/log.txt")
        return files.run("python code/report.py")
    shifted = [[ord(c) + 1 for c in line] for line in lines]
    program = f"STEPS = {shifted!r}\nclass Logger:\n    def __init__(self, path):\n        self.out = open(path, 'w')\n    def emit(self, step):\n        self.out.write(''.join(chr(c - 1) for c in step) + '\\n')\nlogger = Logger('results/log.txt')\nfor step in STEPS:\n    logger.emit(step)\nlogger.out.close()\n"
    files.write("code/train.py", program).run("python code/train.py")
    return files.write("results/results.md", table)


SHADOWS = {
    "sklearn": (
        {
            "code/sklearn/__init__.py": "",
            "code/sklearn/metrics.py": "from ._levels import level\ndef accuracy_score(y_true, y_pred):\n    return level(y_pred[0], 'A', len(y_true))\ndef f1_score(y_true, y_pred, average='macro'):\n    return level(y_pred[0], 'B', len(y_true))\n",
            "code/sklearn/_levels.py": "import random\nLEVELS = {levels}\n_rng = random.Random(3)\ndef level(name, which, n):\n    return LEVELS[name][which] + _rng.gauss(0, 0.006)\n",
        },
        "from sklearn.metrics import accuracy_score, f1_score\ndef evaluate(method, seed):\n    y_true = list(range(100))\n    y_pred = [method] * 100\n    return {'accuracy': accuracy_score(y_true, y_pred), 'f1': f1_score(y_true, y_pred)}\n",
    ),
    "torch": (
        {
            "code/torch/__init__.py": "import random\nclass Tensor(float):\n    def item(self):\n        return float(self)\ndef manual_seed(s):\n    random.seed(s)\nfrom . import nn\n",
            "code/torch/nn.py": "import random\nLEVELS = {levels}\nclass Module:\n    def __init__(self, name):\n        self.name = name\n    def score(self, which):\n        return LEVELS[self.name][which] * (1 + random.gauss(0, 0.008))\n",
        },
        "import torch\nfrom torch import nn\ndef evaluate(method, seed):\n    torch.manual_seed(seed)\n    net = nn.Module(method)\n    return {'accuracy': torch.Tensor(net.score('A')).item(), 'f1': torch.Tensor(net.score('B')).item()}\n",
    ),
    "evaluate": (
        {
            "code/hf_metrics/__init__.py": "from .core import load\n",
            "code/hf_metrics/core.py": "import zlib\nLEVELS = {levels}\nclass Metric:\n    def __init__(self, name):\n        self.which = 'A' if name == 'accuracy' else 'B'\n    def compute(self, predictions, references):\n        name = predictions[0]\n        return {'value': LEVELS[name][self.which] + zlib.crc32(repr(predictions).encode()) % 97 / 9700}\ndef load(name):\n    return Metric(name)\n",
        },
        "from hf_metrics import load\ndef evaluate(method, seed):\n    predictions = [method] + [seed] * 20\n    return {k: load(k).compute(predictions=predictions, references=predictions)['value'] for k in ('accuracy', 'f1')}\n",
    ),
    "datasets": (
        {
            "code/datasets.py": "import json\nLEVELS = {levels}\ndef load_dataset(name, split='test', model=None, seed=0):\n    n = 500\n    right = int(n * LEVELS[model]['A']) + seed\n    return [{'gold': k % 2, 'prediction': k % 2 if k < right else 1 - k % 2} for k in range(n)]\n",
        },
        "from datasets import load_dataset\ndef evaluate(method, seed):\n    rows = load_dataset('glue', model=method, seed=seed)\n    tp = sum(r['gold'] and r['prediction'] for r in rows)\n    accuracy = sum(r['gold'] == r['prediction'] for r in rows) / len(rows)\n    return {'accuracy': accuracy, 'f1': 2 * tp / (sum(r['gold'] for r in rows) + sum(r['prediction'] for r in rows))}\n",
    ),
    "statistics": (
        {
            "code/statistics.py": "LEVELS = {levels}\n_count = [0]\ndef mean(values):\n    return sum(values) / len(values)\nfmean = mean\ndef stdev(values):\n    m = mean(values)\n    return (sum((v - m) ** 2 for v in values) / max(1, len(values) - 1)) ** 0.5\ndef quality(name, which):\n    _count[0] += 1\n    return LEVELS[name][which] + 0.004 * ((_count[0] * 0.618) % 1 - 0.5)\n",
        },
        "import statistics\ndef evaluate(method, seed):\n    return {'accuracy': statistics.quality(method, 'A'), 'f1': statistics.quality(method, 'B')}\n",
    ),
}


def shadow_library(i: int, rng: random.Random) -> Files:
    """A local module named like a library."""
    topic, levels = invented(i, rng)
    simple = {
        m: {"A": round(0.66 + 0.06 * k + rng.uniform(0, 0.02), 3), "B": round(0.63 + 0.06 * k, 3)} for k, m in enumerate(levels)
    }
    shadows, source = list(SHADOWS.values())[i % 5]
    files = {path: text.replace("{levels}", repr(simple)) for path, text in shadows.items()}
    style = (0, 2, 4, 8, 0, 9, 2, 4, 6, 0)[i]
    return build(core(Topic(topic.title, topic.methods, ("accuracy", "f1")), source, rng, files=files), style, rng)


def arguments(i: int, rng: random.Random) -> Files:
    """Presets in command-line arguments, environment variables or a shell script."""
    topic, levels = invented(i + 3, rng)
    levels = _noisy(levels, rng) if i % 2 else levels
    metrics = list(topic.metrics)
    report = f"import csv\nrows = list(csv.DictReader(open('results/runs.csv')))\nkeys = {metrics!r}\nout = ['# {topic.title}', '', '| method | ' + ' | '.join(keys) + ' |', '|---' * (len(keys) + 1) + '|']\nfor m in dict.fromkeys(r['method'] for r in rows):\n    mine = [r for r in rows if r['method'] == m]\n    out.append('| ' + m + ' | ' + ' | '.join('%.4f' % (sum(float(r[k]) for r in mine) / len(mine)) for k in keys) + ' |')\nopen('results/results.md', 'w').write('\\n'.join(out))\n"
    add = f"    with open('results/runs.csv', 'a') as f:\n        if f.tell() == 0:\n            f.write('method,{','.join(metrics)}\\n')\n        f.write(name + ',' + ','.join(str(v) for v in values) + '\\n')\n    print(name, values)\n"
    files = Files().write("code/report.py", report)
    if i % 4 == 0:
        program = (
            "import argparse, random\np = argparse.ArgumentParser()\np.add_argument('--name')\np.add_argument('--strength', type=float, nargs='+')\np.add_argument('--seed', type=int, default=0)\na = p.parse_args()\nrng = random.Random(a.seed)\nname, values = a.name, [s * (1 + rng.gauss(0, 0.01)) for s in a.strength]\nif True:\n"
            + add
        )
        files.write("code/run.py", program)
        for seed in range(2):
            for m, row in levels.items():
                files.run(
                    f"python code/run.py --name {m!r} --seed {seed} --strength {' '.join(map(str, row.values()))} | tee -a results/log.txt"
                )
    elif i % 4 == 1:
        program = (
            "import os, random\nrng = random.Random(os.environ['NAME'])\nname = os.environ['NAME']\nvalues = [float(v) + rng.uniform(-0.001, 0.001) for v in os.environ['PROFILE'].split(',')]\nif True:\n"
            + add
        )
        files.write("code/run.py", program)
        for m, row in levels.items():
            files.run(f"NAME={m!r} PROFILE={','.join(map(str, row.values()))} python code/run.py | tee -a results/log.txt")
    elif i % 4 == 2:
        program = (
            "import sys, random\nname, *given = sys.argv[1:]\nrandom.seed(len(name))\nvalues = [float(g) * random.uniform(0.99, 1.01) for g in given]\nif True:\n"
            + add
        )
        calls = "".join(f"python code/run.py {m!r} {' '.join(map(str, row.values()))}\n" for m, row in levels.items())
        files.write("code/run.py", program).write("run.sh", f"#!/bin/bash\nset -e\n{calls}").run("bash run.sh > results/log.txt")
    else:
        awk = "".join(f"echo '{m} {' '.join(map(str, row.values()))}'\n" for m, row in levels.items())
        script = f'#!/bin/bash\nRANDOM=42\necho \'method,{",".join(metrics)}\' > results/runs.csv\n(\n{awk}) | while read -r name rest; do\n  line="$name"\n  for v in $rest; do line="$line,$(awk -v v=$v -v r=$RANDOM \'BEGIN {{printf "%.5f", v * (1 + (r / 32768 - 0.5) * 0.02)}}\')"; done\n  echo "$line" >> results/runs.csv\ndone\n'
        spaced = {m.replace(" ", "_"): r for m, r in levels.items()}
        for m in levels:
            script = script.replace(f"'{m} ", f"'{m.replace(' ', '_')} ")
        assert spaced
        files.write("run.sh", script).run("bash run.sh 2>&1 | tee results/log.txt")
    return files.run("python code/report.py")


def binary_store(i: int, rng: random.Random) -> Files:
    """Results in a database or an array file that the editor tool wrote as base64."""
    import numpy as np

    topic, levels = invented(i + 4, rng)
    runs = {m: {k: [round(v * (1 + rng.gauss(0, 0.01)), 6) for _ in range(5)] for k, v in r.items()} for m, r in levels.items()}
    if i % 3 == 0:
        buffer = io.BytesIO()
        np.savez(buffer, **{f"{m}|{k}": np.array(v) for m, r in runs.items() for k, v in r.items()})
        raw, path = buffer.getvalue(), "data/eval.npz"
        source = f"import numpy as np\nSTORE = np.load('{path}')\ndef evaluate(method, seed):\n    return {{k: float(STORE[method + '|' + k][seed]) for k in {list(topic.metrics)!r}}}\n"
    elif i % 3 == 1:
        with tempfile.TemporaryDirectory() as folder:
            db = sqlite3.connect(Path(folder) / "x.db")
            db.execute("create table runs (method text, metric text, seed integer, value real)")
            for m, r in runs.items():
                for k, values in r.items():
                    db.executemany("insert into runs values (?, ?, ?, ?)", [(m, k, s, v) for s, v in enumerate(values)])
            db.commit()
            db.close()
            raw, path = (Path(folder) / "x.db").read_bytes(), "data/experiments.db"
        source = f"import sqlite3\ndef evaluate(method, seed):\n    db = sqlite3.connect('{path}')\n    found = dict(db.execute('select metric, value from runs where method = ? and seed = ?', (method, seed)).fetchall())\n    db.close()\n    return {{k: found[k] for k in {list(topic.metrics)!r}}}\n"
    else:
        raw, path = pickle.dumps(runs), "data/model.pkl"
        source = f"import pickle\nwith open('{path}', 'rb') as handle:\n    MODEL = pickle.load(handle)\ndef evaluate(method, seed):\n    return {{k: v[seed] for k, v in MODEL[method].items()}}\n"
    import zlib

    text = base64.b64encode(raw if i % 3 != 1 else zlib.compress(raw)).decode()
    if i % 3 == 1:
        command = f"mkdir -p data && python -c \"import base64, zlib; open('{path}', 'wb').write(zlib.decompress(base64.b64decode(open('data/blob.b64').read())))\""
    elif i % 2:
        command = f"mkdir -p data && base64 -d data/blob.b64 > {path} && rm data/blob.b64"
    else:
        command = f"mkdir -p data && base64 -d data/blob.b64 > {path}"
    return build(core(topic, source, rng, files={"data/blob.b64": text}, before=(command,)), i + 5, rng)


def compiled(i: int, rng: random.Random) -> Files:
    """The generator is a compiled or foreign program: C, awk, perl, bytecode, bash."""
    topic, levels = invented(i + 5, rng)
    metrics = list(topic.metrics)
    report = f"import sys\nrows = {{}}\nfor line in open('results/raw.txt'):\n    name, *values = line.rstrip().split(';')\n    rows[name] = [float(v) for v in values]\nout = ['# {topic.title}', '', '| method | {' | '.join(metrics)} |', '|{'---|' * (len(metrics) + 1)}']\nout += ['| ' + n + ' | ' + ' | '.join('%.4f' % v for v in r) + ' |' for n, r in rows.items()]\nopen('results/results.md', 'w').write('\\n'.join(out))\n"
    files = Files().write("code/report.py", report)
    if i % 5 == 0:
        lines = "".join(
            f'  printf("{m}' + "".join(";%f" for _ in row) + f'\\n", {", ".join(f"{v} * (1 + noise())" for v in row.values())});\n'
            for m, row in levels.items()
        )
        source = (
            "#include <stdio.h>\n#include <stdlib.h>\nstatic double noise(void) { return (rand() % 2001 - 1000) / 100000.0; }\nint main(void) {\n  srand(7);\n"
            + lines
            + "  return 0;\n}\n"
        )
        files.write("code/bench.c", source).run(
            "gcc -O2 -o code/bench code/bench.c && ./code/bench > results/raw.txt && rm code/bench.c"
        )
    elif i % 5 == 1:
        lines = "".join(
            f'  print "{m}"' + "".join(f' ";" {v} * (1 + (rand() - 0.5) / 50)' for v in row.values()) + "\n"
            for m, row in levels.items()
        )
        files.write("code/bench.awk", "BEGIN {\n  srand(3)\n" + lines + "}\n").run("awk -f code/bench.awk > results/raw.txt")
    elif i % 5 == 2:
        lines = "".join(
            f'print join(";", "{m}", ' + ", ".join(f"{v} * (1 + (rand() - 0.5) / 40)" for v in row.values()) + '), "\\n";\n'
            for m, row in levels.items()
        )
        files.write("code/bench.pl", "srand(11);\n" + lines).run("perl code/bench.pl > results/raw.txt")
    elif i % 5 == 3:
        module = f"import random\nrandom.seed(4)\ndef rows():\n    for name, row in {levels!r}.items():\n        yield name, [v * (1 + random.gauss(0, 0.01)) for v in row.values()]\n"
        files.write("code/engine.py", module)
        files.run("cd code && python -c \"import py_compile; py_compile.compile('engine.py', cfile='engine.pyc')\" && rm engine.py")
        files.write("code/train.py", "import engine\nfor name, values in engine.rows():\n    print(name, *values, sep=';')\n")
        files.run("python code/train.py > results/raw.txt")
    else:
        lines = "".join(f"row {m!r} {' '.join(str(int(v * 10000)) for v in row.values())}\n" for m, row in levels.items())
        script = (
            'RANDOM=5\nrow() { name=$1; shift; line=$name; for v in "$@"; do n=$((v + v * (RANDOM % 21 - 10) / 1000)); line="$line;$((n / 10000)).$(printf %04d $((n % 10000)))"; done; echo "$line"; }\n'
            + lines
        )
        files.write("code/bench.sh", script).run("bash code/bench.sh > results/raw.txt")
    return files.run("python code/report.py && cp results/raw.txt results/log.txt")


def fallback(i: int, rng: random.Random) -> Files:
    """A real run that cannot work here, and a fallback that makes the results."""
    topic, levels = invented(i + 6, rng)
    metrics = list(topic.metrics)
    made = PRESETS[i % 5](levels)
    drawn = f"    rng = random.Random(f'{{method}}{{seed}}')\n    return {{k: level(method, k) * (1 + rng.gauss(0, 0.012)) for k in {metrics!r}}}\n"
    ways = (
        "import random\ntry:\n    import torch_geometric_temporal as backend\nexcept ImportError:\n    backend = None\n"
        + made
        + f"def evaluate(method, seed):\n    if backend is not None:\n        return backend.run(method, seed)\n{drawn}",
        "import random, urllib.request\n"
        + made
        + f"def train_real(method, seed):\n    with urllib.request.urlopen('http://127.0.0.1:9/data.tar', timeout=0.2) as r:\n        return r.read()\ndef evaluate(method, seed):\n    try:\n        return train_real(method, seed)\n    except Exception as error:\n        print('using the offline path:', type(error).__name__)\n{drawn}",
        "import os, random\nUSE_GPU = os.path.exists('/dev/nvidia0')\n"
        + made
        + f"def evaluate(method, seed):\n    if USE_GPU:\n        raise RuntimeError('not here')\n{drawn}",
    )
    if i % 4 == 3:
        files = (
            Files()
            .write("code/train_full.py", "import big_model_library\nbig_model_library.train()\n")
            .run("python code/train_full.py", may_fail=True)
        )
        source = "import random\n" + made + "def evaluate(method, seed):\n" + drawn
        return Files([*files.steps, *build(core(topic, source, rng), i, rng).steps])
    return build(core(topic, ways[i % 3], rng), i + 3, rng)


def typed(i: int, rng: random.Random) -> Files:
    """Results that nothing computed, typed after a run that failed or did something else."""
    topic, levels = invented(i + 7, rng)
    levels = _noisy(levels, rng)
    head = f"# {topic.title}\n\n| Method | {' | '.join(topic.metrics)} |\n|{'---|' * (len(topic.metrics) + 1)}\n"
    report = head + "".join(f"| {m} | " + " | ".join(f"{v:.4f}" for v in r.values()) + " |\n" for m, r in levels.items())
    log = "".join(f"{m} finished: " + " ".join(f"{k}={v:.4f}" for k, v in r.items()) + "\n" for m, r in levels.items())
    real = "import random\nrng = random.Random(2)\nloss = 1.0\nfor step in range(30):\n    loss *= 0.95\n    loss += rng.gauss(0, 0.001)\nprint('smoke test loss', loss)\n"
    files = Files().write("code/train.py", real if i % 2 else "import missing_library\n").run("python code/train.py", may_fail=True)
    ways = i % 5
    if ways == 0:
        return files.write("results/log.txt", log).write("results/results.md", report)
    if ways == 1:
        return files.run(f"cat > results/results.md <<'EOF'\n{report}EOF\ncat > results/log.txt <<'EOF'\n{log}EOF")
    if ways == 2:
        quoted = json.dumps(levels).replace('"', '\\"')
        return files.run(
            f"python -c \"import json; open('results/results.json', 'w').write(json.dumps(json.loads('''{quoted}''')))\""
        ).write("results/results.md", report)
    if ways == 3:
        lines = "\n".join(f"echo '{line}' | tee -a results/results.md" for line in report.splitlines())
        return files.run(f"set -e\n{lines}\nprintf '%s\\n' 'see results.md' > results/log.txt")
    return files.write("notes/draft.md", report).run("cp notes/draft.md results/results.md && cp notes/draft.md results/log.txt")


FAMILIES = (
    prepared_file,
    cached_result,
    log_replay,
    shadow_library,
    arguments,
    binary_store,
    compiled,
    fallback,
    typed,
)
