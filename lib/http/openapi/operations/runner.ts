import { inQuery, json, JSON_TYPE, NO_BROKER, type Operations, problem, WRONG_REQUEST } from "../operation.ts";
import { ANYTHING, map, ref, text } from "../schema.ts";

const READINESS = { "text/plain": text(), [JSON_TYPE]: ref("Readiness") };

/** Of the runner that answers: its health, its broker, this document. */
export const RUNNER_OPERATIONS: Operations = {
  "GET /healthz": {
    tag: "runner",
    summary: "Tell that the process responds",
    answers: { 200: { description: "It does.", content: { "text/plain": text() } } },
  },
  "GET /readyz": {
    tag: "runner",
    summary: "Tell whether the runner can do its work",
    parameters: [inQuery("verbose", "Lists the checks, as `Accept: application/json` does.")],
    answers: {
      200: { description: "The runner is ready.", content: READINESS },
      503: { description: "The runner is not ready.", content: READINESS },
    },
  },
  "GET /openapi.json": {
    tag: "runner",
    summary: "Describe the API of this runner",
    answers: { 200: json("An OpenAPI document, with the paths that functions have of their own.", map(ANYTHING)) },
  },
  "GET /metrics": {
    tag: "runner",
    summary: "Give the metrics of this runner for Prometheus",
    description: "In the OpenMetrics format if `Accept` has it.",
    answers: {
      200: {
        description: "One line a value, with its name and its labels.",
        content: { "text/plain": text(), "application/openmetrics-text": text() },
      },
    },
  },
  "GET /ws/amqp": {
    tag: "runner",
    summary: "Speak AMQP over a WebSocket to the broker on this machine",
    parameters: [inQuery("token", "The write token, for browsers, which cannot set a header here.")],
    answers: {
      101: { description: "The WebSocket is open; its subprotocol is `amqp`." },
      400: WRONG_REQUEST,
      404: problem("The broker is one that AMQP_URL names."),
      426: problem("The request is not for a WebSocket."),
      503: NO_BROKER,
    },
  },
};
