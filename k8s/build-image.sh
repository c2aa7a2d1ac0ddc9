#!/usr/bin/env bash
# Builds the Dockerfile and asks what comes of it, as Kubernetes would run it: not root, its root file system read-only.
#
#   k8s/build-image.sh                            over node:24-slim, by whatever pulls images (buildah)
#   BASE=registry.example/node:24-slim k8s/build-image.sh
#   BASE=stand-in k8s/build-image.sh              over a base made of this machine's own files, where none can be pulled
#
# Needs Debian's buildah and root. A stand-in base has the Node.js of `npm ci`, this machine's npm, libraries and certificates:
# it tries every line of the Dockerfile, and is not the image to be shipped.
set -euo pipefail
cd "$(dirname "$0")/.."

TAG=${TAG:-localhost/pointsman:$(git rev-parse --short HEAD 2>/dev/null || echo local)}
BASE=${BASE:-docker.io/library/node:24-slim}
# In containers without an overlay file system or user namespaces, these two always work.
export STORAGE_DRIVER=${STORAGE_DRIVER:-vfs} BUILDAH_ISOLATION=${BUILDAH_ISOLATION:-chroot}

command -v buildah >/dev/null || { echo "buildah is not installed: apt-get install -y buildah" >&2; exit 1; }

work=$(mktemp -d)
container=""
server=""
cleanup() {
  if [ -n "$server" ]; then kill -TERM "$server" 2>/dev/null || true; fi
  if [ -n "$container" ]; then buildah rm "$container" >/dev/null 2>&1 || true; fi
  rm -rf "$work"
}
trap cleanup EXIT

# A base image of this machine's own files: the programs that the Dockerfile's lines run, and what they need.
make_stand_in() {
  local root=$work/base npm_folder program library
  npm_folder=$(npm root -g)/npm
  mkdir -p "$root"/{bin,usr/bin,usr/local/bin,usr/local/lib/node_modules,usr/local/etc,etc,tmp,proc,sys,dev,root}
  chmod 1777 "$root/tmp"
  cp node_modules/node/bin/node "$root/usr/local/bin/node"
  cp -r "$npm_folder" "$root/usr/local/lib/node_modules/npm"
  ln -s ../lib/node_modules/npm/bin/npm-cli.js "$root/usr/local/bin/npm"
  {
    echo "registry=$(npm config get registry)"
    # Certificates that this machine's administrator has added are believed inside as well.
    echo cafile=/etc/ssl/certs/ca-certificates.crt
  } >"$root/usr/local/etc/npmrc"
  for program in sh mkdir chown env df; do cp -L "$(command -v "$program")" "$root/bin/"; done
  ln -s ../../bin/env "$root/usr/bin/env"
  for program in "$root"/bin/* "$root/usr/local/bin/node"; do
    ldd "$program" | grep -oE '/[^ ]+' | while read -r library; do
      mkdir -p "$root$(dirname "$library")"
      cp -Lu "$library" "$root$library"
    done
  done
  cp -rL --parents /etc/ssl/certs "$root" 2>/dev/null || true
  printf 'root:x:0:0::/root:/bin/sh\n' >"$root/etc/passwd"
  printf 'root:x:0:\n' >"$root/etc/group"
  local made
  made=$(buildah from scratch)
  buildah copy -q "$made" "$root" / >/dev/null
  buildah config --env PATH=/usr/local/bin:/usr/bin:/bin --cmd node "$made"
  buildah commit -q "$made" localhost/pointsman-stand-in:24 >/dev/null
  buildah rm "$made" >/dev/null
  rm -rf "$root"
}

if [ "$BASE" = stand-in ]; then
  make_stand_in
  BASE=localhost/pointsman-stand-in:24
  echo "base: made of this machine's files (node $(node_modules/node/bin/node --version))"
else
  echo "base: $BASE"
fi

buildah build --build-arg "BASE=$BASE" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown)" \
  --format docker --network host -t "$TAG" .

echo
echo "built $TAG"
buildah inspect --type image --format 'user {{.OCIv1.Config.User}}, volumes {{.OCIv1.Config.Volumes}}, command {{.OCIv1.Config.Cmd}}' "$TAG"
echo

container=$(buildah from --pull-never "$TAG")
root=$(buildah mount "$container")
echo "size $(du -sm "$root" | cut -f1) MB, of which node_modules $(du -sm "$root/app/node_modules" | cut -f1) MB"
for package in vitest typescript @biomejs/biome node; do
  if [ -e "$root/app/node_modules/$package" ]; then echo "a development dependency is in the image: $package" >&2; exit 1; fi
done

# As the manifests run it: user 10001, everything read-only but the volume and /tmp, sandbox providers.
mkdir -p "$work/data"
chown 10001:10001 "$work/data"
cat >"$work/run.sh" <<RUN
set -e
mount --bind "$root" "$root"
mount --bind "$work/data" "$root/data"
mount -t tmpfs tmpfs "$root/tmp"
mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
mount -o remount,bind,ro "$root"
if touch "$root/app/written" 2>/dev/null; then echo "the root file system is not read-only" >&2; exit 1; fi
exec chroot --userspec=10001:10001 "$root" \
  /usr/bin/env -i PATH=/usr/local/bin:/usr/bin:/bin NODE_ENV=development HOST=127.0.0.1 PORT=0 SANDBOX_PORT=0 \
  DATA_DIR=/data RULES_DIR=/app/routing-rules sh -c 'cd /app && exec node src/main.ts'
RUN
unshare -m sh "$work/run.sh" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 1 150); do
  # Any free port: its log says which, so that nobody else can answer for it.
  url=$(sed -n 's/.*"event":"listening","url":"\([^"]*\)".*/\1/p' "$work/log")
  if [ -n "$url" ] && curl -fsS "$url/readyz" >"$work/ready" 2>/dev/null; then break; fi
  if ! kill -0 "$server" 2>/dev/null; then break; fi
  sleep 0.2
done
if [ ! -s "$work/ready" ]; then
  echo "/readyz does not answer 200; its log:" >&2
  cat "$work/log" >&2
  exit 1
fi
echo "/readyz: $(cut -c1-120 "$work/ready")"
echo "runs as $(stat -c '%u:%g' "/proc/$server"), writes $(find "$work/data" -type f -printf '%f ')"
[ -n "$(find "$work/data" -name '*.sqlite*')" ] || { echo "no journal is in /data" >&2; exit 1; }
# The health check's own command, from the image.
buildah inspect --type image "$TAG" >"$work/image.json"
node -e '
  const image = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
  const [kind, program, ...rest] = image.Docker.config.Healthcheck.Test;
  const { spawnSync } = require("child_process");
  if (kind !== "CMD" || program !== "node") throw new Error("expected CMD node");
  const { status } = spawnSync(process.execPath, rest, { env: { PORT: process.argv[2] } });
  if (status !== 0) { console.error("the health check fails"); process.exit(1); }
' "$work/image.json" "${url##*:}"
echo "health check: ok"
began=$(date +%s%3N)
kill -TERM "$server"
status=0
wait "$server" || status=$?
server=""
echo "SIGTERM: ended with $status after $(($(date +%s%3N) - began)) ms"
[ "$status" -eq 0 ]
