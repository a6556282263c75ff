"""Devices: what hardware a run had, as host and outputs tell, how fast it can be at most, and what hardware a text names."""

import re
from dataclasses import dataclass, field

from ...audits import Quote
from ...patterns import lazy
from ..events import GPU_ACTIVITY
from .case import Case

CORE = 1.0e12
"""FLOP/s of one CPU core at most. AVX-512 in single precision peaks at 0.2e12; matrix units (AMX, bf16) measure below 1e12."""
GPUS = {
    "B200": 9e15,
    "H200": 2e15,
    "H100": 2e15,
    "H800": 2e15,
    "GH200": 2e15,
    "MI300": 2.6e15,
    "A100": 6.3e14,
    "A800": 6.3e14,
    "L40": 7.4e14,
    "L4": 2.5e14,
    "A40": 3e14,
    "A30": 3.3e14,
    "A10": 2.5e14,
    "A6000": 3.1e14,
    "A5000": 2.3e14,
    "V100": 1.3e14,
    "P100": 2.2e13,
    "T4": 1.3e14,
    "K80": 9e12,
    "RTX 4090": 6.7e14,
    "RTX 4080": 4e14,
    "RTX 3090": 2.9e14,
    "RTX 3080": 2.4e14,
    "RTX 3060": 1.1e14,
    "RTX 2080": 2.2e14,
    "GTX 1080": 1.2e13,
    "Titan": 1.4e14,
    "TPU": 1e15,
}
"""FLOP/s of the device at most: dense 8-bit peak where it has one (vendors' data sheets), so no claim of precision can beat it."""
IDLE_GPU = 1.0
"""Percent of utilisation below which a GPU has run no kernel worth the name in any sample."""
LARGEST = 8 * GPUS["H100"]
"""FLOP/s assumed of a machine that nothing is known of: eight H100 in 8 bit."""
_NAMED = lazy(
    r"(?<![\w-])(?:NVIDIA\s+|Nvidia\s+|AMD\s+|Google\s+)?(?:GeForce\s+|Tesla\s+|Quadro\s+|Instinct\s+)?"
    r"(?P<name>GH200|B200|H200|H100|H800|MI300X?|A100|A800|L40S?|A40|A30|A10G?|V100|P100|K80|(?:RTX\s?)?A6000|(?:RTX\s?)?A5000|RTX\s?\d{4}|GTX\s?\d{4}|Titan\s\w+"
    r"|TPU(?:\s?v\d)?|(?<=NVIDIA )T4|(?<=Tesla )T4|T4(?= GPU)|L4(?= GPU))(?:s|\b)",
)
_ON = lazy(
    r"\b(?:train|run|ran|execut|conduct|perform|evaluat|comput|implement|experiment|using|used|equipped|hardware|fine-?tun|measured)\w*\b",
    re.IGNORECASE,
)
_GPU = lazy(r"(?<![\w-])(?:GPUs?|CUDA|TPUs?)\b")
_ABOUT = lazy(r"gpu|cuda|nvidia|geforce|device|\btpu|[ahvptlb]\d{2,4}\b")
"""Of texts in lower case: ignoring case took four times as long."""
NO_GPU_SEEN = lazy(
    r"(?i)cuda available:? *(?:=|is)? *false|cuda: *false|using device:? *['\"]?cpu|device:? *['\"]?cpu\b|no (?:cuda"
    r"|gpu)[- ](?:capable|available|found|detected)|nvidia-smi: (?:command )?not found|gpu available:? *(?:false|no)"
)
GPU_SEEN = lazy(
    r"(?i)cuda available:? *(?:=|is)? *true|using device:? *['\"]?cuda|device:? *['\"]?cuda|using gpu|gpu available"
    r"|nvidia-smi \d|cuda version:? *\d"
)


@dataclass
class Machine:
    """What is known of the machine."""

    gpus: dict[str, Quote] = field(default_factory=dict)
    """Names that commands or programs printed."""
    gpu_seen: Quote | None = None
    """A program or tool said that it computes on a GPU."""
    cpu_seen: Quote | None = None
    """A program or tool said that there is none, or that it computes on the CPU."""
    no_gpu: Quote | None = None
    """The host says that the sandbox had none."""
    cores: float = 0.0
    """CPU cores by the host; 0 when unknown."""
    offline: bool = False
    """The host says that there was no network."""
    idle_gpu: Quote | None = None
    """The host saw every leased GPU do nothing for the whole experiment."""
    cpu_seconds: float | None = None
    """Processor time of all commands that ran a program, by the host; None where one of them was not counted."""

    @property
    def peak(self) -> tuple[float, str]:
        """FLOP/s at most, and why."""
        if self.no_gpu is not None and self.cores:
            return self.cores * CORE, f"{self.cores:g} CPU cores and no GPU"
        if self.gpus:
            rates = {name: next((rate for known, rate in GPUS.items() if known in name), 0.0) for name in self.gpus}
            if all(rates.values()):
                best = max(rates, key=lambda name: rates[name])
                return 8 * rates[best], f"eight {best} at their 8-bit peak"
        return LARGEST, "even eight H100 at their 8-bit peak"


def machine_of(case: Case) -> Machine:
    """Read the host's word on the sandbox, and what tools and programs printed of the machine."""
    machine = Machine()
    subject = case.subject
    for event in subject.events:
        if event.kind == "note" and event.tool == GPU_ACTIVITY and event.source == "host":
            busy = [one.get("utilisation_most") for one in event.data.values() if isinstance(one, dict)]
            if busy and all(isinstance(one, (int, float)) and one < IDLE_GPU for one in busy):
                place, at = subject.place(event)
                shown = ", ".join(f"{device} at most {one:g} % busy" for device, one in zip(event.data, busy, strict=True))
                machine.idle_gpu = Quote(file=place, line=at, quote=f"{GPU_ACTIVITY}: {shown}")
        if event.kind != "environment" or event.source != "host":
            continue
        cpus = event.data.get("cpus")
        if isinstance(cpus, (int, float)) and not isinstance(cpus, bool):
            machine.cores = float(cpus)
        machine.offline |= event.data.get("network") == "none"
        # A local sandbox hides no device of the host: only a container without one is sure to have none.
        if event.data.get("sandbox") == "docker" and event.data.get("devices") == []:
            place, at = subject.place(event)
            machine.no_gpu = Quote(file=place, line=at, quote="environment: sandbox docker, devices []")
    used = [event.data.get("cpu_seconds") for event in case.writers.runs if event.source == "host"]
    if used and all(isinstance(one, (int, float)) for one in used):
        machine.cpu_seconds = sum(float(one) for one in used if one is not None)
    for file, text in case.spoken.rest.items():
        if not _ABOUT.search(text.lower()):
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if len(line) > 400 or not _ABOUT.search(line.lower()):
                continue
            quote = Quote(file=file, line=number, quote=line.strip())
            for name in named(line):
                machine.gpus.setdefault(name, quote)
            if machine.gpu_seen is None and GPU_SEEN.search(line):
                machine.gpu_seen = quote
            if machine.cpu_seen is None and NO_GPU_SEEN.search(line):
                machine.cpu_seen = quote
    return machine


def named(text: str) -> list[str]:
    """GPU and TPU models that a text names, in one spelling.

    >>> named("trained on 4 NVIDIA A100s and an RTX3090, T4 cells")
    ['A100', 'RTX 3090']
    """
    found = []
    for match in _NAMED.finditer(text):
        name = re.sub(r"(?i)^(RTX|GTX)\s?(?=\d)", lambda m: m[1].upper() + " ", match["name"])
        name = re.sub(r"(?i)^RTX\s?(?=A\d)", "", name)
        found.append(name)
    return list(dict.fromkeys(found))


def says_gpu(sentence: str) -> bool:
    """Whether a sentence says that this work ran on a GPU."""
    return bool(_ON.search(sentence)) and bool(_GPU.search(sentence) or named(sentence))
