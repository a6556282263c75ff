"""What the Docker sandbox runs in bash inside a container: its first process, each command, ending one, writing a file."""

from .hardening import OPEN_FILES, PROBE

KEEPER_USER = "65534:65534"
"""The container's main process runs as another user than the commands, so that they cannot end it."""

FORWARDER = """
import asyncio, sys

async def carry(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.close()

async def main():
    servers = []
    for door in sys.argv[1:]:
        port, _, path = door.partition("=")
        async def serve(reader, writer, path=path):
            try:
                there, back = await asyncio.open_unix_connection(path)
            except OSError:
                writer.close()
                return
            await asyncio.gather(carry(reader, back), carry(there, writer))
            back.close()
            writer.close()
        servers.append(await asyncio.start_server(serve, "127.0.0.1", int(port)))
    print("open", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
"""Carries connections to ports of the container's loopback to the host's sockets that are mounted (arguments `PORT=SOCKET`)."""

KEEPER = f"""
type timeout >/dev/null || exit 1
{PROBE}
IFS=' ' read -r -a doors
if [ ${{#doors[@]}} -gt 0 ]; then
  python=$(type -P python3) || {{ echo "no python3"; exit 1; }}
  exec 4< <(cd /; while :; do "$python" -I -c "$1" "${{doors[@]}}" </dev/null; sleep 0.2; done)
  IFS= read -r -t 30 -u 4 _ || exit 1
fi
echo ready; exec cat >/dev/null
"""
"""Lives until its standard input ends: Docker closes that when the runner's connection is gone, even after kill -9. Its first lines
are the addresses to probe and the doors, as for FORWARDER, which is argument 1."""

WAIT = "IFS= read -r _ || exit 125\n"
"""Every exec waits for a line first: output written before the host listens can be lost in the HTTP client's buffer."""

COMMAND = f"""
ulimit -n {OPEN_FILES} 2>/dev/null
exec 2>&1
if [ "$3" = stdin ]; then exec timeout -k 5 "$1" bash -c "$2"; fi
exec timeout -k 5 "$1" bash -c "$2" </dev/null
"""

KILL = """
for round in {1..100}; do
  left=0
  for dir in /proc/[0-9]*; do
    pid=${dir#/proc/}
    [ "$pid" = 1 ] || [ "$pid" = $$ ] && continue
    read -r status 2>/dev/null <"$dir/stat" || continue
    case ${status##*) } in Z*) continue ;; esac
    tag=
    while IFS= read -r -d '' pair; do
      case $pair in MLRBENCH_COMMAND=*) tag=${pair#*=} ;; esac
    done 2>/dev/null <"$dir/environ"
    if [ -z "$tag" ] || [ "$tag" = "$1" ]; then kill -KILL "$pid" 2>/dev/null && left=1; fi
  done
  [ $left = 0 ] && exit 0
  sleep 0.05
done
exit 1
"""
"""Ends what command $1 started, also what left its process group; spares what other commands left running."""

OOM_COUNT = """
for file in /sys/fs/cgroup/memory.events /sys/fs/cgroup/memory/memory.oom_control; do
  [ -r "$file" ] && while read -r key value; do [ "$key" = oom_kill ] && echo "$value"; done <"$file"
done
exit 0
"""

WRITE = """
set -e
target=$1
folder=${target%/*}
[ "$folder" = "$target" ] || mkdir -p -- "$folder"
if [ -L "$target" ] || { [ -e "$target" ] && [ ! -f "$target" ]; }; then rm -f -- "$target"; fi
cat >"$target"
"""
