import { dirname } from "node:path";
import { OWN_FOLDER, OWN_TASKS, ownMain } from "../../settings/own_package.ts";
import { RANGE } from "./project_files.ts";

/** The files for the project's image, by path. */
export function containerFiles(): Record<string, string> {
  return {
    Dockerfile: dockerfile(),
    ".dockerignore": ".git\n.github\n.vscode\n.env\n.warren\nnode_modules\ncoverage\nDockerfile\ncompose.yaml\n",
    "compose.yaml": COMPOSE,
  };
}

function dockerfile(): string {
  return `FROM docker.io/denoland/deno:${Deno.version.deno}
${warrenFromItsImage()}
WORKDIR /app
# Where \`deno task cache\` puts what it downloads: in the image, readable by every user.
ENV DENO_DIR=/deno-dir DENO_NO_UPDATE_CHECK=1
# No .env, no changes of deno.lock, no downloads, no broker of its own: set AMQP_URL.
ENV PRODUCTION=true DOWNLOAD=false BROKER=none WARREN_DATA=/data

COPY . .
# Everything that the functions import, as in deno.lock: the image starts without a network.
RUN deno task cache && chmod -R a+rwX /deno-dir
RUN mkdir -m 700 /data && chown deno /data

USER deno
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \\
  CMD ["deno", "eval", "Deno.exit((await fetch(\`http://127.0.0.1:\${Deno.env.get('PORT') ?? 8000}/healthz\`)).ok ? 0 : 1)"]
ENTRYPOINT ${JSON.stringify(entrypoint())}
CMD ["start"]
`;
}

/** If Warren is a folder on this machine and not a package, the image needs it at the same path. */
function warrenFromItsImage(): string {
  if (OWN_FOLDER === undefined) return "";
  const folder = dirname(ownMain());
  return `# Warren runs from ${folder}. Build its image first: docker build -t warren ${folder}
COPY --from=warren /app ${folder}
`;
}

/** The command line of the task `start`, without downloads. */
function entrypoint(): string[] {
  const [deno, run, ...flags] = OWN_TASKS.start.command.split(" ").slice(0, -2);
  // In a folder, Warren has its own lock file.
  const cached = OWN_FOLDER === undefined ? ["--cached-only", "--frozen"] : ["--cached-only"];
  return [deno, run, "--unstable-no-legacy-abort", ...cached, ...flags, ownMain({ range: RANGE })];
}

const COMPOSE = `# docker compose up --scale runner=3
services:
  rabbitmq:
    image: docker.io/library/rabbitmq:4-management
    ports: ["127.0.0.1:5672:5672", "127.0.0.1:15672:15672"]
    environment:
      RABBITMQ_DEFAULT_USER: warren
      RABBITMQ_DEFAULT_PASS: \${RABBITMQ_PASSWORD:-warren}
    volumes: ["rabbitmq:/var/lib/rabbitmq"]
    healthcheck:
      test: ["CMD", "rabbitmq-diagnostics", "-q", "check_port_connectivity"]
      interval: 5s
      timeout: 5s
      retries: 20

  # What context.once() remembers, for all the runners.
  redis:
    image: docker.io/library/redis:7-alpine
    command: ["redis-server", "--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"]
    volumes: ["redis:/data"]
    healthcheck:
      test: ["CMD", "redis-cli", "ping"]
      interval: 5s
      timeout: 5s
      retries: 20

  runner:
    build: .
    depends_on:
      rabbitmq: { condition: service_healthy }
      redis: { condition: service_healthy }
    environment:
      AMQP_URL: amqp://warren:\${RABBITMQ_PASSWORD:-warren}@rabbitmq:5672
      ONCE_STORE: redis://redis:6379
    read_only: true
    tmpfs: ["/tmp"]
    cap_drop: ["ALL"]
    security_opt: ["no-new-privileges:true"]
    stop_grace_period: 30s
    restart: unless-stopped

volumes:
  rabbitmq:
  redis:
`;
