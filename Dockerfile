# The image serves (`docker run … api|worker`) and works as the command (`docker run … run '<json>'`).
# It was written for Docker and is not built by our CI, which has no Docker engine.
FROM node:24-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# Node is in the image, and four of five native cores of Temporal's SDK are for other platforms.
RUN npm ci --omit=dev --ignore-scripts \
 && rm -rf node_modules/node-linux-* node_modules/.bin/node \
 && find node_modules/@temporalio/core-bridge/releases -mindepth 1 -maxdepth 1 -type d ! -name "$(uname -m)-unknown-linux-gnu" -exec rm -r {} +

FROM node:24-bookworm-slim
# tini: bubblewrap's children would stay zombies under node as process 1.
RUN apt-get update \
 && apt-get install -y --no-install-recommends bubblewrap ca-certificates git ripgrep tini \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY package.json LICENSE ./
COPY scripts/setup scripts/setup
COPY src src
COPY docker-entrypoint.sh /usr/local/bin/holdfast
RUN mkdir /data && chown node:node /data
ENV DATA_DIR=/data NODE_ENV=production
VOLUME /data
USER node
ENTRYPOINT ["tini", "--", "holdfast"]
CMD ["--help"]
