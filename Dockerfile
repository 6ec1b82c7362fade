FROM docker.io/denoland/deno:2.9.6

WORKDIR /app
# Where `deno cache` puts what it downloads: in the image, readable by every user.
ENV DENO_DIR=/deno-dir DENO_NO_UPDATE_CHECK=1
# A container does not host a broker that only it would use: set AMQP_URL, or see docs/deployment.md.
ENV BROKER=none DOWNLOAD=false WARREN_DATA=/data

COPY deno.json deno.lock main.ts ./
COPY lib/ lib/
COPY deploy/healthcheck.ts deploy/
RUN deno cache --frozen main.ts lib/sandbox/guest/guest.ts lib/broker/hosted.ts
COPY functions/ functions/
# Dependencies of the functions that are copied in; those of mounted ones are the image's or the mount's. Once with the lock
# file, as inline functions run, and once without it, as the functions' processes do: a range of versions may be two.
RUN find functions -regex '.*\.[mc]?[jt]sx?' -not -name '[_.]*' -not -name '*_test.*' -not -name '*.test.*' \
  -exec deno cache {} + -exec deno cache --no-lock {} + && chmod -R a+rwX /deno-dir
RUN mkdir -m 700 /data && chown deno /data

USER deno
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s \
  CMD ["deno", "run", "--cached-only", "--no-lock", "--allow-net=127.0.0.1", "--allow-env=PORT", "deploy/healthcheck.ts"]
# Twelve megabytes for what lives short instead of 48: the CPU's cache holds it, and so a message costs less.
ENTRYPOINT ["deno", "run", "--no-prompt", "--cached-only", "--v8-flags=--max-semi-space-size=8", "--allow-net", \
  "--allow-read", "--allow-write", "--allow-env", "--allow-run", "--allow-sys", "main.ts"]
CMD ["start"]
