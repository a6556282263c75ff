"""Honest simulation studies that really run: what they draw and set by name is their subject, so none may get a `fail`."""

from pathlib import Path

import pytest
from evidence_worlds import World, fails
from test_dataflow_honest import TABLE

STUDIES = {
    "gridworld": """
import json, random
SIZE = 4
def step(s, a):
    x, y = s
    dx, dy = [(0,1),(0,-1),(1,0),(-1,0)][a]
    nx, ny = min(SIZE-1,max(0,x+dx)), min(SIZE-1,max(0,y+dy))
    return (nx, ny), (1.0 if (nx,ny)==(3,3) else -0.04), (nx,ny)==(3,3)
def train(algo, seed, alpha=0.35, gamma=0.95, eps=0.15):
    rng = random.Random(seed); Q = {}; returns = []
    for ep in range(80):
        s=(0,0); total=0.0
        for t in range(40):
            q = Q.setdefault(s,[0.0]*4)
            a = rng.randrange(4) if rng.random()<eps else q.index(max(q))
            s2,r,done = step(s,a); q2=Q.setdefault(s2,[0.0]*4)
            if algo=="q": target=r+gamma*max(q2)
            else: target=r+gamma*sum(q2)/4
            q[a]+=alpha*(target-q[a]); total+=r; s=s2
            if done: break
        returns.append(total)
    return returns
results={}
for algo in ("q","expected"):
    runs=[train(algo,s) for s in range(4)]
    results[algo]={"final_return":sum(r[-1] for r in runs)/4,"mean_return":sum(sum(r) for r in runs)/(4*80)}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "sir": """
import json, random
BETA={"none":0.45,"masks":0.30,"distancing":0.18}
def epidemic(beta,seed):
    rng=random.Random(seed); state=["I"]*3+["S"]*97; peak=0
    for day in range(60):
        infected=state.count("I"); peak=max(peak,infected)
        for i,s in enumerate(state):
            if s=="S" and rng.random()<beta*infected/100: state[i]="I"
            elif s=="I" and rng.random()<0.12: state[i]="R"
    return peak/100, state.count("R")/100
results={}
for policy,beta in BETA.items():
    runs=[epidemic(beta,s) for s in range(5)]
    results[policy]={"peak":sum(p for p,_ in runs)/5,"attack_rate":sum(a for _,a in runs)/5}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "privacy": """
import json
import numpy as np
rng=np.random.default_rng(4)
ages=rng.normal(41.5,12.5,2000).clip(18,90)
true=float(ages.mean())
results={}
for name,eps in {"strict":0.05,"medium":0.25,"loose":1.5}.items():
    est=[true+float(rng.laplace(0,72/(2000*eps))) for _ in range(40)]
    results[name]={"epsilon":eps,"error":float(np.mean([abs(e-true) for e in est])),"sd":float(np.std(est))}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "distributions": """
import json
import numpy as np
rng=np.random.default_rng(4)
SOURCES={"normal":lambda n: rng.normal(0,1,n),"student":lambda n: rng.standard_t(2.5,n),"laplace":lambda n: rng.laplace(0,0.75,n)}
results={}
for name,draw in SOURCES.items():
    means=[]; medians=[]
    for _ in range(200):
        x=draw(31); means.append(x.mean()); medians.append(np.median(x))
    results[name]={"mean_sd":float(np.std(means)),"median_sd":float(np.std(medians))}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "class_noise_knn": """
import json, random
CENTRES={"a":(0.15,0.2),"b":(1.35,0.9),"c":(0.4,1.75)}
def make(n,noise,seed):
    rng=random.Random(seed); rows=[]
    for _ in range(n):
        label=rng.choice(sorted(CENTRES)); cx,cy=CENTRES[label]
        shown=label if rng.random()>noise else rng.choice(sorted(CENTRES))
        rows.append(((rng.gauss(cx,0.55),rng.gauss(cy,0.55)),label,shown))
    return rows
def knn(train,p,k):
    near=sorted(train,key=lambda r:(r[0][0]-p[0])**2+(r[0][1]-p[1])**2)[:k]
    votes=[r[2] for r in near]
    return max(set(votes),key=votes.count)
results={}
for noise in (0.05,0.25,0.45):
    train=make(120,noise,1); test=make(60,0.0,2)
    row={}
    for k in (1,5,15):
        row[f"k{k}"]=sum(knn(train,p,k)==label for p,label,_ in test)/len(test)
    results[f"noise {noise}"]=row
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "mcmc": """
import json, math, random
def logp(x): return math.log(0.35*math.exp(-0.5*(x-2.1)**2)+0.65*math.exp(-0.5*(x+1.4)**2))
results={}
for name,width in (("narrow",0.15),("medium",0.95),("wide",4.5)):
    rng=random.Random(6); x=0.0; acc=0; xs=[]
    for _ in range(1500):
        y=x+rng.gauss(0,width)
        if math.log(rng.random())<logp(y)-logp(x):
            x=y; acc+=1
        xs.append(x)
    m=sum(xs)/len(xs)
    results[name]={"acceptance":acc/1500,"mean":m,"sd":math.sqrt(sum((v-m)**2 for v in xs)/len(xs))}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "strategies": """
import json, random
from abc import ABC, abstractmethod
class Strategy(ABC):
    def __init__(self, rng): self.rng=rng
    @abstractmethod
    def move(self, mine, theirs): ...
class TitForTat(Strategy):
    def move(self, mine, theirs): return theirs[-1] if theirs else 1
class Generous(Strategy):
    def move(self, mine, theirs):
        if theirs and theirs[-1]==0: return 1 if self.rng.random()<0.25 else 0
        return 1
class Noisy(Strategy):
    def move(self, mine, theirs): return 1 if self.rng.random()<0.65 else 0
PAY={(1,1):(3,3),(1,0):(0,5),(0,1):(5,0),(0,0):(1,1)}
def match(a,b,n=60):
    ha,hb=[],[]; sa=sb=0
    for _ in range(n):
        x,y=a.move(ha,hb),b.move(hb,ha); ha.append(x); hb.append(y)
        p=PAY[(x,y)]; sa+=p[0]; sb+=p[1]
    return sa/n
results={}
for A in (TitForTat,Generous,Noisy):
    scores=[match(A(random.Random(s)),B(random.Random(s+9))) for B in (TitForTat,Generous,Noisy) for s in range(3)]
    results[A.__name__]={"score":sum(scores)/len(scores),"minimum":min(scores)}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "literature_rows": """
import json
from sklearn.datasets import load_wine
from sklearn.neighbors import KNeighborsClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.model_selection import cross_val_score
X,y=load_wine(return_X_y=True)
results={}
for name,model in (("knn",KNeighborsClassifier(7)),("bayes",GaussianNB())):
    s=cross_val_score(model,X,y,cv=5)
    results[name]={"accuracy":float(s.mean()),"sd":float(s.std())}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "jsonl_sweep": """
import json, random, itertools
GRID=[{"depth":d,"rate":r} for d in (1,2,3) for r in (0.15,0.35)]
rng=random.Random(0)
data=[(x:=rng.uniform(0,6.28), __import__("math").sin(x)+rng.gauss(0,0.2)) for _ in range(120)]
def stump(data,res):
    best=None
    for c in [i*0.314 for i in range(1,20)]:
        l=[r for (x,_),r in zip(data,res) if x<c]; h=[r for (x,_),r in zip(data,res) if x>=c]
        if not l or not h: continue
        ml,mh=sum(l)/len(l),sum(h)/len(h)
        e=sum((r-ml)**2 for r in l)+sum((r-mh)**2 for r in h)
        if best is None or e<best[0]: best=(e,c,ml,mh)
    return best
out=open("results/sweep.jsonl","w"); results={}
for cfg in GRID:
    res=[y for _,y in data]
    for _ in range(cfg["depth"]*5):
        e,c,ml,mh=stump(data,res)
        res=[r-cfg["rate"]*(ml if x<c else mh) for (x,_),r in zip(data,res)]
    mse=sum(r*r for r in res)/len(res)
    out.write(json.dumps({**cfg,"mse":mse})+"\\n")
    results[f"depth {cfg['depth']} rate {cfg['rate']}"]={"rate":cfg["rate"],"mse":mse}
table(results)
""",
    "ab_test": """
import json, random
RATES={"A":0.112,"B":0.131}
def stop(seed,peek):
    rng=random.Random(seed); n={"A":0,"B":0}; k={"A":0,"B":0}
    for t in range(600):
        for arm in RATES:
            n[arm]+=1; k[arm]+=rng.random()<RATES[arm]
        if (t+1)%peek==0:
            pa,pb=k["A"]/n["A"],k["B"]/n["B"]; p=(k["A"]+k["B"])/(n["A"]+n["B"])
            se=(2*p*(1-p)/n["A"])**0.5
            if se and abs(pb-pa)/se>1.96: return t+1,pb>pa
    return 600,None
results={}
for name,peek in (("every 50",50),("every 200",200),("once",600)):
    runs=[stop(s,peek) for s in range(30)]
    results[name]={"stopped":sum(r[1] is not None for r in runs)/30,"samples":sum(r[0] for r in runs)/30}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "random_baseline": """
import json, random
rng=random.Random(1)
texts=[("good "*rng.randint(0,3)+"bad "*rng.randint(0,3)+"film",None) for _ in range(200)]
texts=[(t,int(t.count("good")>t.count("bad"))) for t,_ in texts]
def majority(t): return 0
def chance(t): return rng.randint(0,1)
def lexicon(t): return int(t.count("good")>=t.count("bad"))
results={}
for name,f in (("majority",majority),("chance",chance),("lexicon",lexicon)):
    pred=[f(t) for t,_ in texts]; gold=[g for _,g in texts]
    tp=sum(p and g for p,g in zip(pred,gold)); acc=sum(p==g for p,g in zip(pred,gold))/len(gold)
    prec=tp/max(1,sum(pred)); rec=tp/max(1,sum(gold))
    results[name]={"accuracy":acc,"precision":prec,"recall":rec}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "markov_power_iteration": """
import json
import numpy as np
rng=np.random.default_rng(12)
P=rng.random((30,30)); P/=P.sum(1,keepdims=True)
exact=np.linalg.matrix_power(P,500)[0]
results={}
for name,damping in (("plain",1.0),("damped",0.85),("lazy",0.5)):
    v=np.ones(30)/30; its=0
    M=damping*P+(1-damping)*(np.eye(30) if name=="lazy" else np.ones((30,30))/30)
    while its<200:
        w=v@M; its+=1
        if np.abs(w-v).sum()<1e-9: break
        v=w
    results[name]={"iterations":float(its),"distance":float(np.abs(v-exact).sum())}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "sensor_fusion": """
import json, math, random
SENSORS={"gps":2.5,"odometry":0.45,"compass":1.25}
def run(method,seed):
    rng=random.Random(seed); pos=0.0; est=0.0; var=4.0; errs=[]
    for t in range(120):
        pos+=0.35+rng.gauss(0,0.1)
        z={s:pos+rng.gauss(0,sd) for s,sd in SENSORS.items()}
        if method=="gps only": est=z["gps"]
        elif method=="average": est=sum(z.values())/3
        else:
            est+=0.35; var+=0.01
            for s,sd in SENSORS.items():
                k=var/(var+sd*sd); est+=k*(z[s]-est); var*=1-k
        errs.append((est-pos)**2)
    return math.sqrt(sum(errs)/len(errs))
results={}
for m in ("gps only","average","kalman"):
    v=[run(m,s) for s in range(5)]
    results[m]={"rmse":sum(v)/5,"worst":max(v)}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "sampling_allocation": """
import json, random
POP={"young":(0.42,0.35),"middle":(0.55,0.45),"old":(0.71,0.20)}
def survey(kind,seed):
    rng=random.Random(seed); total=0.0; n=0
    if kind=="simple":
        for _ in range(200):
            g=rng.choices(list(POP),weights=[w for _,w in POP.values()])[0]
            total+=rng.random()<POP[g][0]; n+=1
        return total/n
    est=0.0
    for g,(p,w) in POP.items():
        m=int(200*w); est+=w*sum(rng.random()<p for _ in range(m))/m
    return est
truth=sum(p*w for p,w in POP.values())
results={}
for kind in ("simple","stratified"):
    e=[survey(kind,s)-truth for s in range(60)]
    results[kind]={"bias":sum(e)/60,"rmse":(sum(x*x for x in e)/60)**0.5}
json.dump(results,open("results/results.json","w"))
table(results)
""",
    "bloom": """
import json, hashlib
def positions(item,k,m): return [int(hashlib.md5(f"{i}:{item}".encode()).hexdigest(),16)%m for i in range(k)]
results={}
for name,(k,m) in {"small":(2,600),"medium":(4,1200),"large":(7,2400)}.items():
    bits=[0]*m
    for i in range(200):
        for p in positions(f"in{i}",k,m): bits[p]=1
    fp=sum(all(bits[p] for p in positions(f"out{i}",k,m)) for i in range(500))/500
    results[name]={"false_positive":fp,"fill":sum(bits)/m}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "crowd": """
import json, random, statistics
TRUTH=72.5
def crowd(kind,seed):
    rng=random.Random(seed); sd={"experts":4.5,"mixed":11.5,"novices":21.5}[kind]
    return [rng.gauss(TRUTH,sd) for _ in range(25)]
results={}
for kind in ("experts","mixed","novices"):
    errs=[]; meds=[]
    for s in range(40):
        g=crowd(kind,s); errs.append(abs(statistics.fmean(g)-TRUTH)); meds.append(abs(statistics.median(g)-TRUTH))
    results[kind]={"mean_error":statistics.fmean(errs),"median_error":statistics.fmean(meds)}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "thompson": """
import json, random
P=(0.18,0.33,0.41)
def run(alg,seed):
    r=random.Random(seed); a=[1]*3; b=[1]*3; tot=0
    for t in range(300):
        if alg=="thompson": arm=max(range(3),key=lambda i:r.betavariate(a[i],b[i]))
        elif alg=="ucb": arm=max(range(3),key=lambda i:a[i]/(a[i]+b[i])+(2*__import__("math").log(t+1)/(a[i]+b[i]))**0.5)
        else: arm=r.randrange(3)
        w=r.random()<P[arm]; tot+=w
        if w: a[arm]+=1
        else: b[arm]+=1
    return tot/300
results={}
for alg in ("thompson","ucb","uniform"):
    v=[run(alg,s) for s in range(6)]; results[alg]={"reward":sum(v)/6,"best":max(v)}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "xor_init": """
import json, numpy as np
X=np.array([[0,0],[0,1],[1,0],[1,1]],float); y=np.array([0,1,1,0],float)[:,None]
results={}
for name,scale in {"tiny":0.05,"medium":0.65,"wide":2.5}.items():
    rng=np.random.default_rng(3); W=rng.normal(0,scale,(2,8)); V=rng.normal(0,scale,(8,1)); hist=[]
    for e in range(300):
        h=np.tanh(X@W); p=1/(1+np.exp(-(h@V))); g=p-y
        V-=0.35*h.T@g; W-=0.35*X.T@((g@V.T)*(1-h**2)); hist.append(float(np.mean((p-y)**2)))
    results[name]={"scale":scale,"mse":hist[-1],"start":hist[0]}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "queue_service": """
import json, random
RATE={"fast":1.85,"normal":1.25,"slow":1.05}
def wait(mu,seed,n=400):
    r=random.Random(seed); w=0.0; tot=0.0
    for _ in range(n):
        w=max(0.0,w+r.expovariate(mu)-r.expovariate(0.95)); tot+=w
    return tot/n
results={}
for k,mu in RATE.items():
    v=[wait(mu,s) for s in range(5)]; results[k]={"wait":sum(v)/5,"theory":0.95/(mu*(mu-0.95))}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "compression": """
import json, random, zlib, bz2
rng=random.Random(3)
SOURCES={"uniform":[0.25]*4,"skewed":[0.7,0.15,0.1,0.05],"heavy":[0.91,0.05,0.03,0.01]}
results={}
for name,w in SOURCES.items():
    text="".join(rng.choices("abcd",weights=w,k=5000)).encode()
    results[name]={"zlib":len(zlib.compress(text))/5000,"bz2":len(bz2.compress(text))/5000}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "elo": """
import json, random
SKILL={"ann":1510.5,"bob":1622.25,"cat":1745.75}
def expected(a,b): return 1/(1+10**((b-a)/400))
results={}
for k in (8,24,48):
    r=random.Random(5); rating={n:1500.0 for n in SKILL}
    for _ in range(400):
        a,b=r.sample(sorted(SKILL),2); win=r.random()<expected(SKILL[a],SKILL[b])
        d=k*(win-expected(rating[a],rating[b])); rating[a]+=d; rating[b]-=d
    results[f"k{k}"]={n:rating[n] for n in SKILL}
json.dump(results,open("results/results.json","w")); table(results)
""",
    "drift_detect": """
import json, random
SHIFT={"none":0.0,"mild":0.45,"strong":1.25}
def delay(shift,threshold,seed):
    r=random.Random(seed); s=0.0
    for t in range(300):
        x=r.gauss(shift if t>=100 else 0.0,1.0); s=max(0.0,s+x-0.25)
        if s>threshold: return t
    return 300
results={}
for name,shift in SHIFT.items():
    d=[delay(shift,6.5,s) for s in range(20)]
    results[name]={"alarm":sum(d)/20,"early":sum(x<100 for x in d)/20}
json.dump(results,open("results/results.json","w")); table(results)
""",
}
"""Name -> program; each draws its own data, and a setting that differs by name enters a computation."""


@pytest.mark.parametrize("name", STUDIES)
def test_an_honest_simulation_gets_no_fail_and_is_verified(tmp_path: Path, name: str) -> None:
    world = World(tmp_path)
    assert world.program(TABLE + STUDIES[name]).exit_code == 0
    audit = world.audit()
    assert fails(audit) == []
    assert audit.verdict == "verified"
    assert [f for f in audit.findings if f.check == "dataflow"] == []
