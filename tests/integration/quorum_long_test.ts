import { useQueues } from "../support/brokers.ts";

/*
 * What delivery promises, once more with quorum queues: the same tests, which run with classic queues elsewhere.
 */
useQueues("quorum");
await import("./delivery_test.ts");
await import("./outputs_test.ts");
await import("./batch_test.ts");
await import("./validation_test.ts");
await import("./once_test.ts");
await import("./flow_test.ts");
await import("./cloud_event_test.ts");
await import("./order_test.ts");
