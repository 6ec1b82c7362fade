import type { FunctionDefinition } from "../definition/definition.ts";
import type { Invocation } from "../sandbox.ts";
import type { MessageProperties } from "../../mod.ts";

/** A message that is about to be published. */
export interface Traceable {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Uint8Array;
  readonly properties: Pick<MessageProperties, "messageId" | "correlationId">;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** The span of one publish. */
export interface PublishSpan {
  /** The header of the message, by which its consumers join the trace. */
  readonly traceparent: string;
  /** The broker has confirmed the message, or there is an error. */
  end(error?: unknown): void;
}

/** Makes spans of what happens to messages. Where OpenTelemetry is off there is none, and it costs nothing. */
export interface Tracing {
  /**
   * Begins the span of an attempt to process a message. Gives the invocation with this span as its trace, so that what its
   * handler does and publishes, its retry, its dead letter, its log lines and its record belong to it.
   */
  begin<T extends Invocation>(definition: FunctionDefinition, invocation: T): T;
  /** Nothing more is done with this invocation. If its end was not reported, the span ends as abandoned. */
  leave(invocation: Invocation): void;
  /** Begins the span of a publish. Undefined if its trace is not sampled. */
  publish(message: Traceable): PublishSpan | undefined;
}
