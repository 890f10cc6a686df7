# Tessera as an image: built from the sources, run without the tools that built it, by a user who owns nothing but /data.
FROM node:20-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run --silent build

FROM node:20-bookworm-slim AS packages
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM node:20-bookworm-slim
RUN apt-get update \
  && apt-get install -y --no-install-recommends ffmpeg tini \
  && rm -rf /var/lib/apt/lists/* \
  && mkdir /data && chown node:node /data
WORKDIR /app
COPY --from=packages /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE THIRD_PARTY_NOTICES.md ./
COPY models models
# The page is served as it lies beside the sources.
COPY server/page server/page
ENV NODE_ENV=production TESSERA_DATA=/data TESSERA_CACHE=/data/cache
USER node
VOLUME /data
EXPOSE 8080
# tini passes signals on and buries the engines that a worker leaves behind.
ENTRYPOINT ["tini", "--", "node", "--enable-source-maps", "/app/dist/cli/main.js"]
CMD ["serve", "--host", "0.0.0.0"]
