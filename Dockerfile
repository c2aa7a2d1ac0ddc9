# The gateway as a container: Node 24, no development dependencies, not root, nothing written outside /data and /tmp.
# BASE may name a mirror, or a digest, of the same image.
ARG BASE=docker.io/library/node:24-slim

FROM ${BASE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
# Exactly what the lockfile says; scripts of packages are not run, none of ours needs one.
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM ${BASE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pointsman" \
  org.opencontainers.image.description="Routes each card authorization to the payment provider most likely to approve it, and fails over without ever charging twice." \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
COPY --from=dependencies /app/node_modules ./node_modules
COPY package.json ./
COPY src ./src
COPY routing-rules ./routing-rules
# Owned by the user that it runs as, so that a new volume is too.
RUN mkdir -p /data && chown 10001:10001 /data
ENV NODE_ENV=production HOST=0.0.0.0 PORT=8080 DATA_DIR=/data RULES_DIR=/app/routing-rules
USER 10001:10001
VOLUME /data
EXPOSE 8080
# SIGTERM drains; as the first process it is told itself, without a shell or npm between.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.PORT + '/healthz').then((answer) => process.exit(answer.ok ? 0 : 1), () => process.exit(1))"]
CMD ["node", "src/main.ts"]
