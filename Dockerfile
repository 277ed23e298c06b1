# syntax=docker/dockerfile:1
# Build: compile, then keep only what production needs.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json prisma.config.ts ./
COPY scripts ./scripts
COPY prisma ./prisma
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src ./src
RUN npm run build && npm prune --omit=dev --ignore-scripts

# Run: no compiler, no tests, no embedded parts, no root.
FROM node:24-slim
ENV NODE_ENV=production HOST=0.0.0.0 ADMIN_HOST=0.0.0.0
WORKDIR /app
COPY --from=build --chown=node:node /app/node_modules ./node_modules
COPY --from=build --chown=node:node /app/dist ./dist
COPY --chown=node:node package.json ./
COPY --chown=node:node bin ./bin
COPY --chown=node:node prisma ./prisma
USER node
EXPOSE 8080 9901
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.ADMIN_PORT || 9901}/healthz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The route table is mounted as a folder, so that a flip can replace the file: -v ./config:/config -e BANYAN_CONFIG=/config/routes.config.yaml
ENTRYPOINT ["node", "bin/banyan.mjs"]
CMD ["serve"]
