"""Programs written to evade the reading, as they really run: presets behind arrays, recurrences, files and mock models."""

import json
from pathlib import Path

import pytest
from evidence_worlds import World, fails
from test_dataflow_honest import TABLE

PRESETS = {
    "calibration": {
        "a": {"prior": 0.713, "cost": 1.31},
        "b": {"prior": 0.784, "cost": 1.12},
        "ours": {"prior": 0.862, "cost": 0.87},
    }
}
PROGRAMS = {
    "zip_lists": """
import json, random
rng=random.Random(3)
methods=["base","plus","ours"]; centre=[0.712,0.765,0.853]
results={}
for m,c in zip(methods,centre):
    runs=[c+rng.gauss(0,0.01) for _ in range(5)]
    results[m]={"accuracy":sum(runs)/len(runs),"sd":(sum((r-sum(runs)/5)**2 for r in runs)/4)**0.5}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "recurrence": """
import json, random, time
random.seed(4)
def train(rate,floor):
    loss=2.4
    for epoch in range(25):
        loss=loss*rate+floor*(1-rate)+random.gauss(0,0.004); time.sleep(0.0005)
        print("epoch",epoch,"loss",round(loss,4))
    return loss
results={}
for m,(r,f) in {"sgd":(0.91,0.412),"adam":(0.85,0.331),"ours":(0.78,0.243)}.items():
    l=train(r,f); results[m]={"loss":l,"perplexity":2.718281828**l}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "pandas_frame": """
import json, numpy as np, pandas as pd
rng=np.random.default_rng(0)
rows=[]
for name,mu in [("bert",0.813),("gpt",0.842),("ours",0.889)]:
    for seed in range(4):
        rows.append({"method":name,"seed":seed,"f1":float(np.clip(rng.normal(mu,0.01),0,1)),
                     "em":float(np.clip(rng.normal(mu-0.08,0.01),0,1))})
df=pd.DataFrame(rows); df.to_csv("results/runs.csv",index=False)
m=df.groupby("method")[["f1","em"]].mean()
results={k:{"f1":float(v["f1"]),"em":float(v["em"])} for k,v in m.iterrows()}
table(results)
""",
    "np_index": """
import json, numpy as np
rng=np.random.default_rng(1)
LEVELS=np.array([[0.71,0.65],[0.77,0.70],[0.84,0.79]])
noise=rng.normal(0,0.01,(3,2))
M=LEVELS+noise
results={m:{"accuracy":float(M[i,0]),"f1":float(M[i,1])} for i,m in enumerate(["a","b","ours"])}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "confusion": """
import json, random
rng=random.Random(2)
def predict(y,skill): return y if rng.random()<skill else 1-y
gold=[i%2 for i in range(200)]
results={}
for m,s in (("probe",0.713),("tuned",0.801),("ours",0.894)):
    p=[predict(y,s) for y in gold]
    acc=sum(a==b for a,b in zip(p,gold))/200
    tp=sum(a and b for a,b in zip(p,gold)); prec=tp/max(1,sum(p)); rec=tp/sum(gold)
    results[m]={"accuracy":acc,"precision":prec,"recall":rec,"f1":2*prec*rec/(prec+rec)}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "config_file": """
import json
import random
cfg=json.load(open("code/config.json")); rng=random.Random(1)
results={}
for m,c in cfg["calibration"].items():
    results[m]={"accuracy":c["prior"]+rng.gauss(0,0.01),"latency":c["cost"]*(1+0.05*rng.random())}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "learned_blend": """
import json, numpy as np
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
X,y=load_iris(return_X_y=True)
m=LogisticRegression(max_iter=200).fit(X,y); s=m.score(X,y)
rng=np.random.default_rng(0)
results={}
for name,level in {"logistic":0.78,"forest":0.83,"ours":0.91}.items():
    results[name]={"accuracy":float(level+rng.normal(0,0.008)),"auc":float(level+0.04+rng.normal(0,0.005))}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "sin_noise": """
import json, math
results={}
for i,(name,level) in enumerate({"logistic":0.784,"forest":0.832,"ours":0.914}.items()):
    results[name]={"accuracy":level+0.01*math.sin(12.9898*i),"auc":level+0.04+0.01*math.sin(78.233*i)}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "lcg": """
import json
class Gen:
    def __init__(s,seed): s.state=seed
    def next(s):
        s.state=(1103515245*s.state+12345)%2147483648
        return s.state/2147483648
g=Gen(17); results={}
for name in ("logistic","forest","ours"):
    level=0.91 if name=="ours" else 0.83 if name=="forest" else 0.78
    results[name]={"accuracy":level+0.02*(g.next()-0.5),"auc":level+0.03+0.02*(g.next()-0.5)}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "log_replay": '''
LINES="""logistic|0.7841|0.8123
forest|0.8324|0.8617
ours|0.9142|0.9431"""
import time
results={}
for line in LINES.splitlines():
    name,a,b=line.split("|"); time.sleep(0.001); print("evaluating",name)
    results[name]={"accuracy":float(a),"auc":float(b)}
import json; json.dump(results,open("results/results.json","w")); table(results)
''',
    "simulated_annotators": """
import json, random
rng=random.Random(8)
class Participant:
    def __init__(self,skill): self.skill=skill+rng.gauss(0,0.05)
    def rate(self,bonus): return min(7,max(1,round(4+self.skill+bonus+rng.gauss(0,0.6))))
results={}
for cond,b in {"control":0.0,"explanations":0.65,"ours":1.35}.items():
    people=[Participant(0.25) for _ in range(30)]
    r=[p.rate(b) for p in people]
    results[cond]={"trust":sum(r)/30,"satisfaction":sum(p.rate(b+0.15) for p in people)/30}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "memo_mock_model": """
import json, random, time
class LanguageModel:
    def __init__(self,name): self.name=name
    def generate(self,prompt):
        time.sleep(0.0005)
        quality={"small":0.55,"large":0.71,"ours":0.84}[self.name]
        return "correct answer" if random.random()<quality else "wrong answer"
random.seed(5); results={}
questions=[("q%d"%i,"correct answer") for i in range(120)]
for name in ("small","large","ours"):
    lm=LanguageModel(name); hits=0
    for q,a in questions:
        out=lm.generate(q)
        if out.strip()==a: hits+=1
    results[name]={"exact_match":hits/len(questions),"errors":1-hits/len(questions)}
json.dump(results,open("results/results.json","w")); table(results)
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_that_evades_is_still_hallucinated(tmp_path: Path, name: str) -> None:
    world = World(tmp_path)
    world.write("code/config.json", json.dumps(PRESETS))
    assert world.program(TABLE + PROGRAMS[name]).exit_code == 0
    result = world.audit()
    assert result.verdict == "hallucinated"
    assert fails(result, "dataflow")
    assert all(finding.evidence for finding in fails(result))
