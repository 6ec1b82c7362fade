/** Variables of OpenTelemetry that may contain a password, or the key to a client's certificate. */
export const TRACING_SECRETS: readonly string[] = ["", "TRACES_", "METRICS_", "LOGS_"].flatMap((signal) => {
  return [`OTEL_EXPORTER_OTLP_${signal}HEADERS`, `OTEL_EXPORTER_OTLP_${signal}CLIENT_KEY`];
});
